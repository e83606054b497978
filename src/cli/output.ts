import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes `text`, and waits while the reader is behind. Rejects when `signal` is aborted meanwhile. */
export async function print(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(text)) await once(stream, 'drain', { signal });
}

/**
 * JSON for people and programs. DEL and the C1 control characters, which JSON lets through, are escaped too: a terminal
 * obeys them.
 */
export function renderJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  return `${json.replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)}\n`;
}

/** A server's time in the person's time zone, `2025-01-31 17:05`; the text itself when it is not a time. */
export function localTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
