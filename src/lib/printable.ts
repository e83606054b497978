/**
 * Makes untrusted text safe for a terminal and for a reader. Colours are removed. Characters that cannot be seen or that
 * move others are shown as escapes (`\x1b`, `\u202e`), so that a text cannot move the cursor, set the clipboard, retitle the
 * window or look like another text. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return withoutColors(text).replaceAll(/\r\n/g, '\n').replaceAll(hiddenExceptLayout, escapeCharacter);
}

/** Like `printable`, for the output of programs, in whole lines: shows what a progress bar leaves on a terminal. */
export function printableOutput(text: string): string {
  return printable(withoutOverwritten(text));
}

/** Removes what a terminal overwrites after a carriage return, line by line. */
export function withoutOverwritten(text: string): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  return lines.map((line) => (line.includes('\r') ? lastState(line) : line)).join('\n');
}

// From the last segment backwards: of each one before, a terminal shows only what is longer.
function lastState(line: string): string {
  let shown = '';
  for (const segment of withoutColors(line).split('\r').toReversed()) {
    const cleared = segment.split(clearLine);
    shown += cleared.join('').slice(shown.length);
    if (cleared.length > 1) break;
  }
  return shown;
}

/** Like `printable`, on one line, for tables and headings. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, ' ').trim();
}

/** Replaces each hidden character by question marks of its length, so that positions in the text stay. */
export function maskHidden(text: string): string {
  return text.replaceAll(hidden, (character) => '?'.repeat(character.length));
}

/** Replaces hidden characters, line breaks included, by the escapes of JSON. In JSON, the value stays the same. */
export function escapeHidden(text: string): string {
  return text.replaceAll(hidden, jsonEscape);
}

/** Like `escapeHidden`, for JSON in several lines. */
export function escapeHiddenInLines(json: string): string {
  return json.replaceAll(hiddenExceptLayout, jsonEscape);
}

// A joiner connects emoji, or shapes the letters of these scripts. Elsewhere it is invisible.
const joined = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f${[
  'Arab',
  'Beng',
  'Deva',
  'Gujr',
  'Guru',
  'Knda',
  'Mlym',
  'Orya',
  'Sinh',
  'Taml',
  'Telu',
]
  .map((script) => `\\p{Script=${script}}`)
  .join('')}`;
const joiner = String.raw`[\u200c\u200d]`;
// U+FE0E and U+FE0F select the form of an emoji.
const invisible = String.raw`\p{Bidi_Control}\u2028\u2029\ufff9-\ufffb[\p{Default_Ignorable_Code_Point}--[\u200c\u200d\ufe0e\ufe0f]]`;
const looseJoiner = `(?<![${joined}])${joiner}|${joiner}(?![${joined}])`;
// oxlint-disable-next-line plan42/linear-regex -- one character and its neighbours
const hidden = new RegExp(String.raw`[\p{Cc}${invisible}]|${looseJoiner}`, 'gv');
// oxlint-disable-next-line plan42/linear-regex -- one character and its neighbours
const hiddenExceptLayout = new RegExp(String.raw`[[\p{Cc}--[\t\n]]${invisible}]|${looseJoiner}`, 'gv');

const escapeCode = '\u001b';
// Progress bars clear their line, or the rest of it.
// oxlint-disable-next-line plan42/linear-regex -- at most four characters
const clearLine = new RegExp(`${escapeCode}\\[[02]?K`);
const coloring = /(\p{Cc})\[[\d;:]*m/gu;

function withoutColors(text: string): string {
  return text.replaceAll(coloring, (sequence, start: string) => (start === escapeCode ? '' : sequence));
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code > 0xffff) return `\\u{${code.toString(16)}}`;
  return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`;
}

function jsonEscape(character: string): string {
  let escaped = '';
  for (let n = 0; n < character.length; n++) escaped += `\\u${character.charCodeAt(n).toString(16).padStart(4, '0')}`;
  return escaped;
}
