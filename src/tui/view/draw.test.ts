import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, missing, ready } from '../../../test/support/screen-state.ts';
import { fieldsOf } from '../state/fields.ts';
import type { State } from '../state/state.ts';
import { draw } from './draw.ts';
import { wrap } from './line.ts';
import { masked, showText } from './text-field.ts';

const text = (state: State, columns = 80, rows = 24, tick = 0) =>
  draw(state, { columns, rows }, tick)
    .lines.map(({ spans }) =>
      spans
        .map(({ text }) => text)
        .join('')
        .trimEnd(),
    )
    .join('\n');

describe('the screen', () => {
  it('shows no secret that was not asked for, focused or not', () => {
    const driver = drive('[runner]\ntoken = "p42r_secret"\n[github.a]\nconnection_id = "1"\ntoken = "ghp_secret"\n');
    const shown = [
      text(driver.state),
      text(driver.press('page-down').accept([{ id: '1', name: 'a' }]).state),
      text(driver.press('tab').state),
    ].join('\n');
    assert.doesNotMatch(shown, /secret/);
    assert.match(text(driver.press('reveal').state), /ghp_secret/);
    assert.doesNotMatch(text(driver.press('tab').state), /secret/);
  });

  it('lets nothing from elsewhere touch the terminal', () => {
    const driver = drive(
      '[runner]\ntoken = "\\u001b[2J\\u0007x"\nurl = "\\u001b]0;t"\n[github.a]\nconnection_id = "1"\nurl = "\\u001b[31m"\n',
    );
    driver.press('page-down').accept([
      { id: '1\x1b[2J', name: 'a\x1b[2J\nb' },
      { id: '1', name: '\x9b2J' },
    ]);
    driver.send({ type: 'runtime', status: { ...ready('docker'), readiness: { ready: true, detail: '\x1b[2J' } } });
    const key = { type: 'key', key: 'down' } as const;
    for (let n = 0; n < 8; n += 1) {
      driver.send(key).press('reveal');
      assert.doesNotMatch(text(driver.state), /[^\P{Cc}\n]/u);
    }
    assert.doesNotMatch(text(drive('[runner]\nurl = "\\u001b[2J"\n').press('tab').state), /[^\P{Cc}\n]/u);
    assert.doesNotMatch(
      text(drive().refuse('x').send({ type: 'not-saved', message: 'a\x1b[2Jb', conflict: false }).state),
      /[^\P{Cc}\n]/u,
    );
  });

  it('shows why a runtime is not ready in the message', () => {
    const driver = drive('[runner]\nruntime = "podman"\n').press('tab', 'tab');
    assert.doesNotMatch(text(driver.state), /is not ready/);
    driver.send({ type: 'runtime', status: missing('podman') });
    assert.match(text(driver.state), /^ podman is not ready: there is no podman command\. Install it\.$/m);
    driver.send({ type: 'runtime', status: missing('docker') }).press('enter', 'up');
    assert.match(text(driver.state), /^ docker is not ready/m, 'of the option that is marked');
  });

  it('gives a long message more rows', () => {
    const message = { kind: 'info', text: `${'word '.repeat(50)}end` } as const;
    const { state } = drive();
    const lines = text({ ...state, message }).split('\n');
    assert.match(lines.at(-2) ?? '', /word end$/);
    assert.equal(lines.length, 24);
    assert.equal(text({ ...state, message }, 80, 10).split('\n').length, 10);
  });

  it('shows all keys in 80 columns in every context', () => {
    const driver = drive('[github.gone]\nconnection_id = "9"\n')
      .press('page-down')
      .accept([{ id: '1', name: 'a' }]);
    const help = (state: State) => text(state).split('\n').at(-1) ?? '';
    for (const { id } of fieldsOf(driver.state)) {
      const state = { ...driver.state, focus: id };
      assert.doesNotMatch(help(state), /…/, id);
      assert.match(help(state), /exit without saving/, id);
      assert.match(help({ ...state, conflict: true }), /^ Ctrl-L read again {2}.*exit without saving$/, id);
    }
  });

  it('turns something while it waits', () => {
    const { state } = drive('[runner]\ntoken = "x"\n').press('save');
    assert.notEqual(text(state, 80, 24, 0), text(state, 80, 24, 1));
    assert.match(text(state, 80, 24, 1), /\/ Checking the token with https:\/\/api\.dev\.plan42\.ai/);
  });
});

describe('texts', () => {
  it('are shown around the cursor', () => {
    assert.deepEqual(showText('abc', 3, 5), { text: 'abc  ', cursor: 3 });
    assert.deepEqual(showText('abcdefgh', 8, 5), { text: 'efgh ', cursor: 4 });
    assert.deepEqual(showText('abcdefgh', 0, 5), { text: 'abcde', cursor: 0 });
    assert.deepEqual(showText('abcdefgh', 6, 5), { text: 'cdefg', cursor: 4 });
    assert.deepEqual(showText('漢字ab', 2, 8), { text: '漢字ab  ', cursor: 4 }, 'wide characters take two columns');
    assert.deepEqual(showText('漢字ab', 4, 5), { text: '字ab ', cursor: 4 });
  });

  it('show the length of a long secret', () => {
    assert.equal(masked('abc', 10), '***');
    assert.equal(masked('x'.repeat(1000), 24), '***** (1000 characters)'.padStart(24, '*'));
  });

  it('are wrapped at spaces, and cut at the end of the last line', () => {
    assert.deepEqual(wrap('one two three four', 9, 2), ['one two', 'three fo…']);
    assert.deepEqual(wrap('short', 9, 2), ['short']);
  });
});
