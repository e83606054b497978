import { printableOutput } from '../lib/printable.ts';

// A message can be a megabyte, and a browser needs seconds to lay out a line of that length.
const maxCharacters = 10_000;

/** Returns a log message as it is shown: without colours, and with control characters escaped. */
export function logLine(message: string): string {
  const shown = printableOutput(message.slice(0, maxCharacters)).trimEnd();
  const missing = message.length - maxCharacters;
  return missing > 0 ? `${shown} … (${missing} more characters)` : shown;
}

/** Returns the URL if it is HTTP or HTTPS. Agents can write anything into a task, `javascript:` URLs included. */
export function safeLink(url: string | null | undefined): string | undefined {
  const parsed = url ? URL.parse(url) : null;
  return parsed && (parsed.protocol === 'https:' || parsed.protocol === 'http:') ? parsed.href : undefined;
}
