import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile, missing, ready, work } from '../../../test/support/screen-state.ts';
import { runtimeNames } from '../../config/schema.ts';
import type { Edit } from '../../config/toml/edit.ts';
import { readForm } from '../form.ts';

const base = readForm({ path: '/c.toml', content: filledFile });
const set = (path: string, value: string): Edit => ({ type: 'set', path: path.split('.'), value });

describe('saving', () => {
  const valid = () => drive(filledFile).press('page-down').accept([work]);

  it('asks the server first, from wherever it is asked for', () => {
    const driver = drive(filledFile).press('save');
    assert.equal(driver.effects[0]?.type, 'validate');
    driver.accept([work]);
    assert.deepEqual(driver.effects.at(-1), { type: 'save', edits: [], goal: 'stay' });
    const ok = drive(filledFile).press('back-tab', 'left', 'enter');
    assert.deepEqual(
      [ok.effects[0]?.type, ok.accept([work]).effects.at(-1)],
      ['validate', { type: 'save', edits: [], goal: 'leave' }],
    );
  });

  it('can be asked for while the server is being asked', () => {
    const driver = drive(filledFile).press('page-down', 'save');
    assert.deepEqual(driver.effects, []);
    assert.deepEqual(driver.accept([work]).effects.at(-1), { type: 'save', edits: [], goal: 'stay' });
  });

  it('does not happen when the server refuses', () => {
    const driver = drive(filledFile).press('save').refuse('token not authorized');
    assert.deepEqual([driver.effects, driver.state.saving], [[], false]);
  });

  it('does not happen with a wrong URL of a connection', () => {
    const driver = valid().press('clear').type('http://ghe.example').press('tab', 'save');
    assert.deepEqual(driver.effects, []);
    assert.equal(driver.state.focus, 'github:11:url');
    assert.match(driver.state.message?.text ?? '', /^invalid server url of work: it is not an https URL/);
  });

  it('writes the changes', () => {
    const driver = valid().press('tab').type('2').press('save');
    assert.deepEqual(driver.effects, [{ type: 'save', edits: [set('github.work.token', 'ghp_a2')], goal: 'stay' }]);
  });

  it('takes no keys but Ctrl-C meanwhile', () => {
    const driver = valid().press('save');
    const { state } = driver;
    assert.equal(state.saving, true);
    assert.deepEqual(driver.type('x').press('tab', 'save', 'escape').state, state);
    assert.deepEqual(driver.press('interrupt').effects, [{ type: 'leave', how: 'interrupted' }]);
  });

  it('warns about a runtime that is not ready', () => {
    const note = (driver: ReturnType<typeof drive>) => {
      const effect = driver.press('save').effects.at(-1);
      return effect?.type === 'save' ? effect.note : assert.fail();
    };
    const runtime = (status: ReturnType<typeof ready>) => ({ type: 'runtime', status }) as const;
    assert.equal(note(valid()), undefined, 'not known yet');
    assert.equal(note(valid().send(runtime(ready('docker')))), undefined);
    assert.equal(
      note(valid().send(runtime(missing('docker')))),
      'docker is not ready: there is no docker command. Install it.',
    );
    const none = runtimeNames.map((name) => runtime(missing(name)));
    const automatic = drive(filledFile.replace('runtime =', '# runtime =')).press('page-down').accept([work]);
    assert.match(note(automatic.send(...none)) ?? '', /^No runtime is ready\./);
  });

  it('reports the result, or exits', () => {
    const saved = { type: 'saved', base, changed: true, message: 'Saved.' } as const;
    const stay = valid()
      .press('save')
      .send({ ...saved, goal: 'stay' });
    assert.deepEqual(
      [stay.state.saving, stay.state.message, stay.effects],
      [false, { kind: 'info', text: 'Saved.' }, []],
    );
    assert.deepEqual(valid().send({ ...saved, goal: 'leave' }).effects, [{ type: 'leave', how: 'saved' }]);
  });

  it('reports the reason of a failure', () => {
    const driver = valid().press('save').send({ type: 'not-saved', message: 'The disk is full.', conflict: false });
    assert.deepEqual([driver.state.saving, driver.state.message?.text], [false, 'The disk is full.']);
    assert.equal(driver.press('reload').effects.length, 0, 'nothing to read again');
  });
});

describe('after another program has changed the file', () => {
  const conflict = () =>
    drive(filledFile)
      .press('page-down')
      .accept([work])
      .press('tab')
      .type('2')
      .press('save')
      .send({ type: 'not-saved', message: '', conflict: true });

  it('does not save, and offers to read it again', () => {
    const driver = conflict();
    assert.match(
      driver.state.message?.text ?? '',
      /^Not saved: \/c\.toml has changed since it was read\. Press Ctrl-L/,
    );
    assert.deepEqual(driver.press('save').effects, []);
    assert.match(driver.type('3').state.message?.text ?? '', /Ctrl-L/, 'still said');
    assert.deepEqual(driver.press('reload').effects, [{ type: 'reload' }]);
  });

  it('takes the other changes in and keeps its own', () => {
    const other = readForm({
      path: '/c.toml',
      content: filledFile
        .replace('"docker"', '"podman"')
        .replace('url = "https://github.com"', 'url = "https://ghe.example"'),
    });
    const driver = conflict().send({ type: 'reloaded', base: other });
    const { draft, conflict: open, validation, focus } = driver.state;
    assert.deepEqual(
      [draft.runner.runtime, open, validation.phase, focus],
      ['podman', false, 'valid', 'github:11:token'],
    );
    const edits = [set('github.work.token', 'ghp_a2')];
    assert.deepEqual(driver.press('save').effects, [{ type: 'save', edits, goal: 'stay' }]);
  });

  it('keeps everything if the file no longer exists', () => {
    const driver = conflict().send({ type: 'reloaded', base: readForm({ path: '/c.toml', content: undefined }) });
    assert.match(driver.state.message?.text ?? '', /^The file no longer exists/);
    assert.deepEqual(driver.press('save').effects, [
      {
        type: 'save',
        edits: [
          set('runner.url', 'https://a.example'),
          set('runner.token', 'p42r_a'),
          set('runner.runtime', 'docker'),
          set('github.work.name', 'work'),
          set('github.work.url', 'https://github.com'),
          set('github.work.connection_id', '11'),
          set('github.work.token', 'ghp_a2'),
        ],
        goal: 'stay',
      },
    ]);
  });

  it('asks the server again when token or URL are others', () => {
    const other = readForm({ path: '/c.toml', content: filledFile.replace('p42r_a', 'p42r_b') });
    const driver = conflict().send({ type: 'reloaded', base: other });
    assert.deepEqual([driver.state.validation.phase, driver.state.focus], ['none', 'token']);
    assert.equal(driver.state.draft.runner.token, 'p42r_b');
    const mine = drive(filledFile).type('x').send({ type: 'reloaded', base: other });
    assert.equal(mine.state.draft.runner.token, 'p42r_ax');
  });
});
