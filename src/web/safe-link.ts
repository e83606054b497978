/** Returns the URL if it is HTTP or HTTPS. Agents can write anything into a task, `javascript:` URLs included. */
export function safeLink(url: string | null | undefined): string | undefined {
  const parsed = url ? URL.parse(url) : null;
  return parsed && (parsed.protocol === 'https:' || parsed.protocol === 'http:') ? parsed.href : undefined;
}
