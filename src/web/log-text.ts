/** Splits a text into the parts that match a search, in any capitals, and those between them. */
export function textParts(text: string, search: string): { part: string; isMatch: boolean }[] {
  // Other letters change their length with their capitals: the server compares only ASCII, too.
  const [lowerText, lowerSearch] = [lowerAscii(text), lowerAscii(search)];
  const parts: { part: string; isMatch: boolean }[] = [];
  let from = 0;
  for (;;) {
    const at = search === '' ? -1 : lowerText.indexOf(lowerSearch, from);
    const end = at === -1 ? text.length : at;
    if (end > from) parts.push({ part: text.slice(from, end), isMatch: false });
    if (at === -1) return parts;
    from = at + search.length;
    parts.push({ part: text.slice(at, from), isMatch: true });
  }
}

/** Returns the lines of a log as a file: the time and the message of each entry, as the agent wrote it. */
export function logFile(entries: readonly { timestamp: string; message: string }[]): string {
  return entries.map(({ timestamp, message }) => `${timestamp} ${message}\n`).join('');
}

function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
