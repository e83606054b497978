import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, home, work } from '../../../test/support/screen-state.ts';
import { connectionsOf, fieldsOf } from './fields.ts';

describe('connections', () => {
  it('are those of the tenant, each once, then those that only the file has', () => {
    const driver = drive(filledFile)
      .press('page-down')
      .accept([home, work, { id: '11', name: 'again' }]);
    assert.deepEqual(
      fieldsOf(driver.state)
        .map(({ id }) => id)
        .filter((id) => id.startsWith('github')),
      [
        'github:22:url',
        'github:22:token',
        'github:11:url',
        'github:11:token',
        'github:99:url',
        'github:99:token',
        'github:99:remove',
      ],
    );
  });

  it('have their tokens checked when they are known, and when a changed one is left', () => {
    const driver = drive(filledFile).press('page-down').accept([work]);
    const check = (key: string, token: string, url = 'https://github.com') => ({
      type: 'check-github',
      key,
      url,
      token,
    });
    assert.deepEqual(driver.effects, [check('11', 'ghp_a'), check('99', 'ghp_old')]);
    assert.deepEqual(driver.press('tab').effects, []);
    assert.deepEqual(driver.type('b').effects, [], 'not with every key');
    assert.deepEqual(driver.press('up').effects, [check('11', 'ghp_ab')]);
    const late = { type: 'github-checked', key: '11', url: 'https://github.com', ok: true, text: 'octocat' } as const;
    assert.equal(driver.send({ ...late, token: 'ghp_a' }).state.github.get('11')?.result, 'running');
    driver.send({ ...late, token: 'ghp_ab' });
    assert.deepEqual(driver.state.github.get('11')?.result, { ok: true, text: 'octocat' });
    assert.deepEqual(driver.press('down', 'clear', 'up').effects, []);
    assert.equal(driver.state.github.get('11'), undefined);
  });

  it('that are gone stay until they are removed', () => {
    const driver = drive(filledFile).press('page-down').accept([work]).press('page-down', 'down', 'down');
    assert.equal(driver.state.focus, 'github:99:remove');
    driver.press('enter');
    assert.equal(driver.state.focus, 'openai_endpoint');
    driver.press('page-down', 'enter');
    assert.deepEqual(driver.effects, [
      { type: 'save', edits: [{ type: 'unset', path: ['github', 'old'] }], goal: 'leave' },
    ]);
  });
});

describe('connections that only the file has', () => {
  it('show the reason', () => {
    const tables = [
      'a]\nconnection_id = "11"',
      'b]\nconnection_id = "11"',
      'c]\ntoken = "x"',
      'd]\nconnection_id = "9"',
    ];
    const driver = drive(tables.map((table) => `[github.${table}\n`).join(''));
    const { state } = driver.press('page-down').accept([work]);
    assert.deepEqual(
      connectionsOf(state).map(({ name, stray }) => [name, stray]),
      [
        ['work', undefined],
        ['b', 'double'],
        ['c', 'without an ID'],
        ['d', 'gone'],
      ],
    );
  });
});
