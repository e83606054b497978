/** Headers of HTTP/1 as Node.js reads them: names and values in turn. */

/** Of one connection, not of the message (RFC 9110, 7.6.1), and those by which old clients say the same. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return pairs(rawHeaders).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));
}

/** The headers that are passed on, without those in `replaced`, which the caller sets. */
export function passedOn(rawHeaders: readonly string[], replaced: readonly string[] = []): string[] {
  const named = valuesOf(rawHeaders, 'connection').flatMap((value) => value.split(','));
  // A client must not remove the headers that delimit the message or name its host.
  const listed = named
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !['host', 'content-length'].includes(name));
  const dropped = new Set([...listed, ...replaced]);
  return pairs(rawHeaders)
    .filter(([name]) => !hopByHop.has(name.toLowerCase()) && !dropped.has(name.toLowerCase()))
    .flat();
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let n = 0; n + 1 < rawHeaders.length; n += 2) found.push([rawHeaders[n] ?? '', rawHeaders[n + 1] ?? '']);
  return found;
}
