import { printable } from '../lib/printable.ts';

// A message can be a megabyte; a browser lays out a line of that for seconds.
const maxCharacters = 10_000;

/** A log message as it is shown: without colours, and with what else is no text made visible. */
export function logLine(message: string): string {
  const shown = printable(message.slice(0, maxCharacters)).trimEnd();
  const missing = message.length - maxCharacters;
  return missing > 0 ? `${shown} … (${missing} more characters)` : shown;
}
