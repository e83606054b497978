/** Returns a pattern for `LIKE … ESCAPE '\'` that finds a text anywhere, in any ASCII capitals. */
export function patternOf(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
}
