import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, work } from '../../../test/support/screen-state.ts';

describe('the models of agents', () => {
  const opened = (file = filledFile) => drive(file).press('page-down').accept([work]);

  it('are saved with the rest, and tokens are secrets', () => {
    const driver = opened();
    while (driver.state.focus !== 'openai_token') driver.press('tab');
    driver.type(' sk-own ').press('save');
    const [effect] = driver.effects.slice(-1);
    assert.deepEqual(effect?.type === 'save' && effect.edits.filter((edit) => edit.path[0] === 'runner'), [
      { type: 'set', path: ['runner', 'openai_token'], value: 'sk-own' },
    ]);
  });

  it('keep the focus on an endpoint that is no URL', () => {
    const driver = opened();
    while (driver.state.focus !== 'claude_endpoint') driver.press('tab');
    driver.type('own.example').press('tab', 'save');
    assert.equal(driver.state.focus, 'claude_endpoint');
    assert.match(driver.state.message?.text ?? '', /^invalid claude_endpoint: it is not a URL like/);
  });
});
