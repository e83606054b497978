const list = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** Returns `a, b and c`. */
export function joinWords(words: Iterable<string>): string {
  return list.format(words);
}
