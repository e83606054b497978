import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes `text`, and waits while the stream's buffer is full. Rejects if `signal` is aborted. */
export async function print(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(text)) await once(stream, 'drain', { signal });
}

/**
 * Indented JSON. DEL and the C1 control characters, which JSON does not escape but terminals interpret, are escaped too.
 */
export function renderJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  return `${json.replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)}\n`;
}

/** An ISO time in the local time zone, `2025-01-31 17:05`; any other text unchanged. */
export function formatLocalTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
