import type { Key as InkKey } from 'ink';
import type { Event, Key } from '../state/state.ts';

const controls: Readonly<Record<string, Key>> = {
  '\t': 'tab',
  '\r': 'enter',
  '\n': 'enter',
  '\x01': 'home',
  '\x03': 'interrupt',
  '\x05': 'end',
  '\x08': 'backspace',
  '\x0b': 'clear-after',
  '\x0c': 'reload',
  '\x12': 'reveal',
  '\x13': 'save',
  '\x15': 'clear',
  '\x17': 'delete-word',
  '\x7f': 'backspace',
};

const byWord: Readonly<Partial<Record<Key, Key>>> = {
  left: 'word-left',
  right: 'word-right',
  backspace: 'delete-word',
};

// Alt and a letter, as in shells.
const altLetters: Readonly<Record<string, Key>> = { b: 'word-left', f: 'word-right' };

const named: readonly [name: keyof InkKey, key: Key][] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'page-up'],
  ['pageDown', 'page-down'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
];

/** Converts a key press from Ink into events; empty for unused keys. */
export function eventsOf(input: string, key: InkKey): Event[] {
  if (key.eventType === 'release') return [];
  if (key.tab) return [{ type: 'key', key: key.shift ? 'back-tab' : 'tab' }];
  const found = named.find(([name]) => key[name] === true);
  if (found) return [{ type: 'key', key: ((key.ctrl || key.meta) && byWord[found[1]]) || found[1] }];
  if (key.ctrl)
    return eventsFromText(String.fromCharCode(input.charCodeAt(0) & 0x1f)).filter(({ type }) => type === 'key');
  const letter = key.meta ? altLetters[input] : undefined;
  if (letter !== undefined) return [{ type: 'key', key: letter }];
  if (key.meta || key.super || key.hyper) return [];
  return eventsFromText(input);
}

/** Over a slow connection, several keys arrive as one text. */
function eventsFromText(text: string): Event[] {
  const events: Event[] = [];
  for (const [part] of text.matchAll(/\p{Cc}|\P{Cc}+/gu)) {
    const key = controls[part];
    if (key !== undefined) events.push({ type: 'key', key });
    else if (!/^\p{Cc}/u.test(part)) events.push({ type: 'text', text: part });
  }
  return events;
}
