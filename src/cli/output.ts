import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { escapeHiddenInLines } from '../lib/printable.ts';

/** Writes `text`, and waits while the stream's buffer is full. Rejects if `signal` is aborted. */
export async function print(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(text)) await once(stream, 'drain', { signal });
}

/** Indented JSON, in which characters that a terminal interprets or a reader cannot see are escaped. */
export function renderJson(value: unknown): string {
  return `${escapeHiddenInLines(JSON.stringify(value, null, 2))}\n`;
}

/** An ISO time in the local time zone, `2025-01-31 17:05`; any other text unchanged. */
export function formatLocalTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
