/**
 * Makes untrusted text safe for a terminal. Colours are removed. Other control characters, and the bidirectional ones that
 * make a text look like another, are shown as escapes (`\x1b`), so that a log line cannot move the cursor, set the clipboard
 * or retitle the window. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return withoutColors(text).replaceAll('\r\n', '\n').replaceAll(unsafe, escapeCharacter);
}

/** Like `printable`, on one line, for tables and headings. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, ' ').trim();
}

const escapeCode = '\u001b';
const coloring = /(\p{Cc})\[[\d;:]*m/gu;
const unsafe = /[[\p{Cc}\p{Bidi_Control}\u2028\u2029]--[\t\n]]/gv;

function withoutColors(text: string): string {
  return text.replaceAll(coloring, (sequence, start: string) => (start === escapeCode ? '' : sequence));
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}
