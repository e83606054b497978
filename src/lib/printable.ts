/**
 * Text from elsewhere made safe for a terminal: colours are taken away, any other control character is shown as an escape
 * (`\x1b`), so that a log line can neither move the cursor, set the clipboard nor retitle the window. So are the
 * characters that reorder a line (bidirectional controls), which make a text look like another. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return withoutColors(text).replaceAll('\r\n', '\n').replaceAll(unsafe, escapeCharacter);
}

/** The same on one line, for tables and headings. */
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
