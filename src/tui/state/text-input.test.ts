import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive, filledFile } from '../../../test/support/screen-state.ts';

describe('typing', () => {
  it('edits the text that has the focus, at its end at first', () => {
    const driver = drive(filledFile);
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
    const driver = drive(filledFile).press('reveal');
    assert.equal(driver.state.revealed, true);
    assert.equal(driver.press('reveal').state.revealed, false);
    assert.equal(driver.press('reveal', 'tab').state.revealed, false);
    assert.equal(driver.press('reveal').state.revealed, false, 'nothing to reveal in a URL');
  });

  it('does nothing on a drop-down and a button', () => {
    const driver = drive(filledFile).press('tab', 'tab');
    const before = driver.state;
    assert.deepEqual(driver.type('abc').press('backspace').state, before);
    assert.deepEqual(driver.press('tab').accept([]).press('tab').type('abc').state.draft.runner, before.draft.runner);
  });
});
