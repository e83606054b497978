const begin = '<!-- event-horizon plan42';
const end = '<!-- event-horizon end -->';
// GitHub's limit is 65,536 characters.
const maxLength = 60_000;

/**
 * Returns the description of a pull request with our section replaced, or added if there is none. If people have removed
 * its markers, the description stays as it is.
 */
export function replaceSection(body: string, section: string, title: string): string {
  const ours = `${begin} title=${Buffer.from(title).toString('base64url')} -->\n${shorten(section)}\n${end}`;
  const from = body.indexOf(begin);
  const to = body.indexOf(end, from);
  if (from >= 0 && to >= 0) return body.slice(0, from) + ours + body.slice(to + end.length);
  return body.trim() === '' ? ours : body;
}

/** Returns the title that we gave to a pull request. */
export function titleIn(body: string): string | undefined {
  const encoded = /<!-- event-horizon plan42 title=([\w-]*) -->/.exec(body)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64url').toString();
}

function shorten(section: string): string {
  // A summary must not end the section.
  const safe = section.replaceAll('<!-- event-horizon', '&lt;!-- event-horizon').trim();
  return safe.length > maxLength ? `${safe.slice(0, maxLength)}…` : safe;
}
