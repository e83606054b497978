/** Editing one line of text. */
export interface TextInput {
  value: string;
  /** From 0 to the length of the value. */
  cursor: number;
}

export const textKeys = [
  ...(['left', 'right', 'home', 'end', 'backspace', 'delete', 'clear'] as const),
  ...(['word-left', 'word-right', 'delete-word', 'clear-after'] as const),
] as const;
export type TextKey = (typeof textKeys)[number];

export function isTextKey(key: string): key is TextKey {
  return (textKeys as readonly string[]).includes(key);
}

/** Inserts text at the cursor. Removes white space, because tokens and URLs have none, but copied text often has. */
export function insert({ value, cursor }: TextInput, text: string): TextInput {
  const clean = text.replaceAll(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, '');
  return { value: value.slice(0, cursor) + clean + value.slice(cursor), cursor: cursor + clean.length };
}

export function edit({ value, cursor }: TextInput, key: TextKey): TextInput {
  const before = cursor - (/\P{Cs}$/u.exec(value.slice(0, cursor))?.[0].length ?? Math.min(cursor, 1));
  const after = cursor + (/^\P{Cs}/u.exec(value.slice(cursor))?.[0].length ?? Math.min(value.length - cursor, 1));
  switch (key) {
    case 'left':
      return { value, cursor: before };
    case 'right':
      return { value, cursor: after };
    case 'home':
      return { value, cursor: 0 };
    case 'end':
      return { value, cursor: value.length };
    case 'backspace':
      return { value: value.slice(0, before) + value.slice(cursor), cursor: before };
    case 'delete':
      return { value: value.slice(0, cursor) + value.slice(after), cursor };
    case 'clear':
      return { value: value.slice(cursor), cursor: 0 };
    case 'clear-after':
      return { value: value.slice(0, cursor), cursor };
    case 'word-left':
      return { value, cursor: wordStart(value, cursor) };
    case 'word-right':
      return { value, cursor: cursor + (/^[^\p{L}\p{N}]*[\p{L}\p{N}]*/u.exec(value.slice(cursor))?.[0].length ?? 0) };
    case 'delete-word': {
      const start = wordStart(value, cursor);
      return { value: value.slice(0, start) + value.slice(cursor), cursor: start };
    }
  }
}

// Values have no spaces, so dots, slashes and dashes separate words.
function wordStart(value: string, cursor: number): number {
  const before = Array.from(value.slice(0, cursor));
  const isInWord = (character: string) => /[\p{L}\p{N}]/u.test(character);
  const end = before.findLastIndex(isInWord);
  const start = before.findLastIndex((character, n) => n < end && !isInWord(character)) + 1;
  return before.slice(0, start).join('').length;
}
