import { printable, printableOutput } from '../lib/printable.ts';

// A message can be a megabyte, and a browser needs seconds to lay out a line of that length.
const maxCharacters = 10_000;

/** Returns a log message as it is shown: without colours, and with control characters escaped. */
export function logLine(message: string): string {
  const shown = printableOutput(message.slice(0, maxCharacters)).trimEnd();
  const missing = message.length - maxCharacters;
  return missing > 0 ? `${shown} … (${missing} more characters)` : shown;
}

export interface ShownLink {
  /** Undefined if it must not be followed. */
  href: string | undefined;
  /** Where it leads, which its text does not say. */
  host: string;
}

/**
 * Returns how a link of an agent is shown, which can write anything into a task: always with its host, and only an https
 * URL without user name and password can be followed. Undefined if it is no URL with a host.
 */
export function shownLink(url: string | null | undefined): ShownLink | undefined {
  const parsed = url ? URL.parse(url) : null;
  if (!parsed?.host) return undefined;
  const isPlain = parsed.protocol === 'https:' && parsed.username === '' && parsed.password === '';
  return { href: isPlain ? parsed.href : undefined, host: parsed.host };
}

/** Returns a response of the server with all its texts safe to show: colours removed, hidden characters escaped. */
export function shownValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(shownValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [printable(name), shownValue(each)]));
}
