import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Key as InkKey } from 'ink';
import { eventsOf } from './keys.ts';

const none = Object.fromEntries(
  ['upArrow', 'downArrow', 'tab', 'return', 'escape', 'ctrl', 'shift', 'meta', 'super', 'hyper'].map((name) => [
    name,
    false,
  ]),
) as unknown as InkKey;

/** As words: keys by their names, text in quotes. */
const read = (input: string, key: Partial<InkKey> = {}) =>
  eventsOf(input, { ...none, ...key }).map((event) =>
    event.type === 'key' ? event.key : event.type === 'text' ? `"${event.text}"` : event.type,
  );

describe('keys', () => {
  it('are recognized by name', () => {
    assert.deepEqual(read('', { tab: true }), ['tab']);
    assert.deepEqual(read('', { tab: true, shift: true }), ['back-tab']);
    assert.deepEqual(read('', { downArrow: true }), ['down']);
    assert.deepEqual(read('', { return: true }), ['enter']);
    assert.deepEqual(read('c', { ctrl: true }), ['interrupt']);
    assert.deepEqual(read('s', { ctrl: true }), ['save']);
    assert.deepEqual(read('l', { ctrl: true }), ['reload']);
    assert.deepEqual(read('x'), ['"x"']);
  });

  it('that come together are taken apart', () => {
    assert.deepEqual(read('abc\tdef\r\x13'), ['"abc"', 'tab', '"def"', 'enter', 'save']);
    assert.deepEqual(read('\t\t\x7f'), ['tab', 'tab', 'backspace']);
  });

  it('go by words as in a shell', () => {
    assert.deepEqual(read('w', { ctrl: true }), ['delete-word']);
    assert.deepEqual(read('', { backspace: true, meta: true }), ['delete-word']);
    assert.deepEqual(read('k', { ctrl: true }), ['clear-after']);
    assert.deepEqual(read('b', { meta: true }), ['word-left']);
    assert.deepEqual(read('f', { meta: true }), ['word-right']);
    assert.deepEqual(read('', { leftArrow: true, ctrl: true }), ['word-left']);
    assert.deepEqual(read('', { rightArrow: true, meta: true }), ['word-right']);
    assert.deepEqual(read('', { backspace: true }), ['backspace']);
  });

  it('that mean nothing here do nothing', () => {
    assert.deepEqual(read('x', { meta: true }), []);
    assert.deepEqual(read('q', { ctrl: true }), []);
    assert.deepEqual(read('\x00\x1f\x9b'), []);
    assert.deepEqual(read('', {}), []);
    assert.deepEqual(read('x', { eventType: 'release' }), []);
  });
});
