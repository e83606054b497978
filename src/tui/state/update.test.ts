import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, missing, ready } from '../../../test/support/screen-state.ts';
import type { Edit } from '../../config/edit.ts';
import { runtimeNames } from '../../config/schema.ts';
import { readForm } from '../form.ts';
import { connectionsOf, fieldsOf } from './fields.ts';

const file = `[runner]
url = "https://a.example"
token = "p42r_a"
runtime = "docker"

[github.work]
name = "work"
connection_id = "11"
url = "https://github.com"
token = "ghp_a"

[github.old]
name = "old"
connection_id = "99"
token = "ghp_old"
`;
const work = { id: '11', name: 'work' };
const home = { id: '22', name: 'home' };
const base = readForm({ path: '/c.toml', content: file });
const set = (path: string, value: string): Edit => ({ type: 'set', path: path.split('.'), value });

describe('moving', () => {
  it('goes through the runner section, and over the ends with Tab only', () => {
    const driver = drive();
    const trail = (['tab', 'tab', 'back-tab', 'up', 'up'] as const).map((key) => driver.press(key).state.focus);
    assert.deepEqual(trail, ['url', 'runtime', 'url', 'token', 'token']);
    assert.deepEqual(driver.press('back-tab').state.focus, 'cancel');
    assert.equal(driver.press('tab').state.focus, 'token');
    assert.equal(driver.press('up').state.focus, 'token');
  });

  it('goes on with Enter in a text', () => {
    assert.equal(drive().press('enter').state.focus, 'url');
  });

  it('goes from section to section with page keys', () => {
    const driver = drive(file).press('page-down').accept([work, home]);
    const trail = (['page-down', 'page-down', 'page-down', 'page-down', 'page-up', 'page-up'] as const).map(
      (key) => driver.press(key).state.focus,
    );
    assert.deepEqual(trail, ['github:22:url', 'github:99:url', 'ok', 'ok', 'github:99:url', 'github:22:url']);
  });

  it('goes between the buttons with left and right', () => {
    const driver = drive().press('back-tab');
    const trail = (['left', 'left', 'right', 'right'] as const).map((key) => driver.press(key).state.focus);
    assert.deepEqual(trail, ['ok', 'ok', 'cancel', 'cancel']);
  });
});

describe('typing', () => {
  it('edits the text that has the focus, at its end at first', () => {
    const driver = drive(file);
    driver.type('bc').press('home', 'delete').type('P').press('right', 'backspace', 'end').type('d');
    assert.equal(driver.state.draft.runner.token, 'P2r_abcd');
    assert.equal(driver.press('clear').state.draft.runner.token, '');
    assert.equal(driver.press('left', 'backspace', 'delete').state.draft.runner.token, '');
  });

  it('drops line breaks, spaces and control characters, wherever they are', () => {
    const driver = drive().type('  p42r_\r\nabc\tdef \x1b\u200b\u00a0ghi\n ');
    assert.equal(driver.state.draft.runner.token, 'p42r_abcdefghi');
    assert.equal(driver.state.cursor, 'p42r_abcdefghi'.length);
  });

  it('moves over a character as a whole', () => {
    const driver = drive().type('a😀b').press('left', 'left').type('x');
    assert.equal(driver.state.draft.runner.token, 'ax😀b');
    assert.equal(driver.press('delete', 'backspace').state.draft.runner.token, 'ab');
  });

  it('goes and deletes by the words of a URL', () => {
    const driver = drive(undefined, 'https://api.example.com:8443/x').press('tab');
    const trail = (['word-left', 'word-left', 'word-left', 'word-right', 'word-right'] as const).map(
      (key) => driver.press(key).state.cursor,
    );
    assert.deepEqual(trail, [29, 24, 20, 23, 28]);
    assert.equal(driver.press('delete-word').state.draft.runner.url, 'https://api.example.com:/x');
    assert.equal(driver.press('delete-word', 'clear-after').state.draft.runner.url, 'https://api.example.');
    assert.equal(driver.press('home', 'delete-word', 'word-left').state.cursor, 0);
  });

  it('reveals a secret, until the focus leaves it', () => {
    const driver = drive(file).press('reveal');
    assert.equal(driver.state.revealed, true);
    assert.equal(driver.press('reveal').state.revealed, false);
    assert.equal(driver.press('reveal', 'tab').state.revealed, false);
    assert.equal(driver.press('reveal').state.revealed, false, 'nothing to reveal in a URL');
  });

  it('does nothing on a drop-down and a button', () => {
    const driver = drive(file).press('tab', 'tab');
    const before = driver.state;
    assert.deepEqual(driver.type('abc').press('backspace').state, before);
    assert.deepEqual(driver.press('tab').accept([]).press('tab').type('abc').state.draft.runner, before.draft.runner);
  });
});

describe('the drop-down', () => {
  const atRuntime = (content?: string) => drive(content).press('tab', 'tab');

  it('opens at the chosen one, moves, takes with Enter', () => {
    const driver = atRuntime(file).press('enter');
    assert.equal(driver.state.menu, 0);
    const trail = (['down', 'tab', 'end', 'down', 'up', 'back-tab', 'home', 'up', 'page-down'] as const).map(
      (key) => driver.press(key).state.menu,
    );
    assert.deepEqual(trail, [1, 2, 3, 3, 2, 1, 0, 0, 3]);
    driver.press('enter');
    assert.deepEqual([driver.state.menu, driver.state.draft.runner.runtime], [undefined, 'host']);
  });

  it('closes with Esc as it was, and takes no text', () => {
    const driver = atRuntime(file).press('enter', 'down').type('x').press('save', 'left').press('escape');
    assert.deepEqual([driver.state.menu, driver.state.draft.runner.runtime], [undefined, 'docker']);
    assert.deepEqual(driver.effects, []);
  });

  it('opens with the space bar too', () => {
    assert.equal(atRuntime(file).type(' ').state.menu, 0);
  });

  it('chooses the first that is ready in a new file, once all are known, unless one is chosen', () => {
    const events = [missing('docker'), ready('podman'), missing('apple'), ready('host')].map(
      (status) => ({ type: 'runtime', status }) as const,
    );
    const chosen = (driver: ReturnType<typeof drive>) => driver.state.draft.runner.runtime;
    assert.equal(chosen(drive().send(...events.slice(0, 3))), undefined);
    assert.equal(chosen(drive().send(...events)), 'podman');
    assert.equal(chosen(drive('[runner]\n').send(...events)), undefined);
    assert.equal(
      chosen(
        atRuntime()
          .press('enter', 'end', 'enter')
          .send(...events),
      ),
      'host',
    );
  });
});

describe('leaving the runner section downwards', () => {
  const asked = () => drive(file).press('tab', 'tab', 'tab');

  it('asks the server, and goes on when it takes the token', () => {
    const driver = asked();
    assert.deepEqual(driver.effects, [{ type: 'validate', attempt: 1, token: 'p42r_a', url: 'https://a.example' }]);
    assert.equal(driver.state.focus, 'runtime');
    driver.accept([work]);
    assert.equal(driver.state.focus, 'github:11:url');
    assert.deepEqual(driver.press('up', 'down').state.validation, { phase: 'valid' }, 'asked once only');
  });

  it('waits, whatever goes further down', () => {
    const driver = asked().press('tab', 'down', 'page-down');
    assert.deepEqual([driver.state.validation.phase, driver.state.focus, driver.effects], ['running', 'runtime', []]);
  });

  it('is given up by going back, by Enter on the drop-down and by Tab over the end', () => {
    for (const keys of [['up'], ['back-tab'], ['page-up'], ['enter']] as const) {
      const driver = asked().press(...keys);
      if (keys[0] === 'page-up') continue; // It is the first section.
      assert.deepEqual(driver.effects, [{ type: 'cancel-validation' }], keys[0]);
      assert.equal(driver.state.validation.phase, 'none');
      const focus = driver.state.focus;
      assert.equal(driver.accept([work]).state.focus, focus, 'a late answer counts no more');
      assert.equal(driver.state.validation.phase, 'none');
    }
  });

  it('goes to what is wrong, and can be tried again', () => {
    const driver = asked().refuse('token not authorized. Get a new one.');
    assert.deepEqual(driver.state.message, { kind: 'error', text: 'token not authorized. Get a new one.' });
    assert.deepEqual([driver.state.focus, driver.state.validation.phase], ['token', 'refused']);
    driver.press('page-down').refuse('unable to connect to server: x', 'url');
    assert.equal(driver.state.focus, 'url');
    driver.press('tab', 'tab').accept([work]);
    assert.deepEqual([driver.state.focus, driver.state.message], ['github:11:url', undefined]);
  });

  it('counts no more when token or URL are changed; what was typed below is kept', () => {
    const driver = asked().accept([work]).press('tab').type('X').press('page-up', 'tab').type('/x');
    assert.equal(driver.state.validation.phase, 'none');
    assert.deepEqual(
      fieldsOf(driver.state).map(({ id }) => id),
      ['token', 'url', 'runtime', 'ok', 'cancel'],
    );
    driver.press('tab', 'tab').accept([work]).press('tab');
    assert.equal(driver.state.draft.connections.get('11')?.token, 'ghp_aX');
  });

  it('ignores the answer to an earlier question', () => {
    const driver = asked().press('up').press('tab', 'tab');
    driver.send({ type: 'accepted', attempt: 1, connections: [] });
    assert.equal(driver.state.validation.phase, 'running');
    driver.send({ type: 'refused', attempt: 1, setting: 'token', message: 'x' });
    assert.equal(driver.state.validation.phase, 'running');
  });
});

describe('connections', () => {
  it('are those of the tenant, each once, then those that only the file has', () => {
    const driver = drive(file)
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
    const driver = drive(file).press('page-down').accept([work]);
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
    const driver = drive(file).press('page-down').accept([work]).press('page-down', 'down', 'down');
    assert.equal(driver.state.focus, 'github:99:remove');
    driver.press('enter');
    assert.equal(driver.state.focus, 'ok');
    driver.press('enter');
    assert.deepEqual(driver.effects, [
      { type: 'save', edits: [{ type: 'unset', path: ['github', 'old'] }], goal: 'leave' },
    ]);
  });
});

describe('connections that only the file has', () => {
  it('say why', () => {
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

describe('saving', () => {
  const valid = () => drive(file).press('page-down').accept([work]);

  it('asks the server first, from wherever it is asked for', () => {
    const driver = drive(file).press('save');
    assert.equal(driver.effects[0]?.type, 'validate');
    driver.accept([work]);
    assert.deepEqual(driver.effects.at(-1), { type: 'save', edits: [], goal: 'stay' });
    const ok = drive(file).press('back-tab', 'left', 'enter');
    assert.deepEqual(
      [ok.effects[0]?.type, ok.accept([work]).effects.at(-1)],
      ['validate', { type: 'save', edits: [], goal: 'leave' }],
    );
  });

  it('can be asked for while the server is being asked', () => {
    const driver = drive(file).press('page-down', 'save');
    assert.deepEqual(driver.effects, []);
    assert.deepEqual(driver.accept([work]).effects.at(-1), { type: 'save', edits: [], goal: 'stay' });
  });

  it('does not happen when the server refuses', () => {
    const driver = drive(file).press('save').refuse('token not authorized');
    assert.deepEqual([driver.effects, driver.state.saving], [[], false]);
  });

  it('does not happen with a wrong URL of a connection', () => {
    const driver = valid().press('clear').type('http://ghe.example').press('tab', 'save');
    assert.deepEqual(driver.effects, []);
    assert.equal(driver.state.focus, 'github:11:url');
    assert.match(driver.state.message?.text ?? '', /^invalid server url of work: it is not an https URL/);
  });

  it('writes what was changed', () => {
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

  it('tells of a runtime that is not ready', () => {
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
    const automatic = drive(file.replace('runtime =', '# runtime =')).press('page-down').accept([work]);
    assert.match(note(automatic.send(...none)) ?? '', /^No runtime is ready\./);
  });

  it('says what was done, or leaves', () => {
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

  it('that fails says why', () => {
    const driver = valid().press('save').send({ type: 'not-saved', message: 'The disk is full.', conflict: false });
    assert.deepEqual([driver.state.saving, driver.state.message?.text], [false, 'The disk is full.']);
    assert.equal(driver.press('reload').effects.length, 0, 'nothing to read again');
  });
});

describe('when somebody else has changed the file', () => {
  const conflict = () =>
    drive(file)
      .press('page-down')
      .accept([work])
      .press('tab')
      .type('2')
      .press('save')
      .send({ type: 'not-saved', message: '', conflict: true });

  it('says so, does not save, and offers to read it again', () => {
    const driver = conflict();
    assert.match(driver.state.message?.text ?? '', /^\/c\.toml has changed since it was read: not saved\. Ctrl-L/);
    assert.deepEqual(driver.press('save').effects, []);
    assert.match(driver.type('3').state.message?.text ?? '', /Ctrl-L/, 'still said');
    assert.deepEqual(driver.press('reload').effects, [{ type: 'reload' }]);
  });

  it('takes the other changes in and keeps its own', () => {
    const other = readForm({
      path: '/c.toml',
      content: file
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

  it('keeps everything when the file is not there any more', () => {
    const driver = conflict().send({ type: 'reloaded', base: readForm({ path: '/c.toml', content: undefined }) });
    assert.match(driver.state.message?.text ?? '', /^The file is not there any more/);
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
    const other = readForm({ path: '/c.toml', content: file.replace('p42r_a', 'p42r_b') });
    const driver = conflict().send({ type: 'reloaded', base: other });
    assert.deepEqual([driver.state.validation.phase, driver.state.focus], ['none', 'token']);
    assert.equal(driver.state.draft.runner.token, 'p42r_b');
    const mine = drive(file).type('x').send({ type: 'reloaded', base: other });
    assert.equal(mine.state.draft.runner.token, 'p42r_ax');
  });
});

describe('leaving', () => {
  it('with Esc, Cancel and Ctrl-C saves nothing', () => {
    const leave = (how: string) => [{ type: 'leave', how }];
    assert.deepEqual(drive(file).type('x').press('escape').effects, leave('cancelled'));
    assert.deepEqual(drive(file).press('back-tab', 'enter').effects, leave('cancelled'));
    assert.deepEqual(drive(file).press('tab', 'tab', 'enter', 'interrupt').effects, leave('interrupted'));
    assert.deepEqual(drive(file).press('save', 'escape').effects, leave('cancelled'), 'while the server is asked');
  });
});

describe('the start', () => {
  it('without a file has the default URL, or the one that was given', () => {
    assert.equal(drive().state.draft.runner.url, 'https://api.dev.plan42.ai');
    assert.equal(drive(undefined, 'http://127.0.0.1:7042').state.draft.runner.url, 'http://127.0.0.1:7042');
  });

  it('with a file has its values, whatever else is wrong with it', () => {
    const { draft } = drive('[runner]\nurl = 7\ntoken = "t"\nruntime = "dokcer"\n[jobs]\ncpus = "x"\n').state;
    assert.deepEqual(draft.runner, { url: 'https://api.dev.plan42.ai', token: 't', runtime: undefined });
  });
});
