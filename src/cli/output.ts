import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { systemClock } from '../lib/clock.ts';
import { formatDuration } from '../lib/format-duration.ts';
import { wellFormedJson } from '../lib/json.ts';
import { escapeHiddenInLines } from '../lib/printable.ts';

/** Writes `text`, and waits while the stream's buffer is full. Rejects if `signal` is aborted. */
export async function print(stream: Writable, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(text)) await once(stream, 'drain', { signal });
}

/** The width of a terminal, which may not know it (0); undefined for other outputs. */
export function terminalWidth({ isTTY, columns }: { isTTY?: boolean; columns?: number }): number | undefined {
  return isTTY ? columns || 80 : undefined;
}

/** Indented JSON, in which characters that a terminal interprets or a reader cannot see are escaped. */
export function renderJson(value: unknown): string {
  return `${escapeHiddenInLines(wellFormedJson(value))}\n`;
}

/** An ISO time in the local time zone, `2025-01-31 17:05`, or with seconds; any other text unchanged. */
export function formatLocalTime(time: string, { seconds = false } = {}): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${minutes}:${two(date.getSeconds())}` : minutes;
}

/** The time between two ISO times, in words; empty without a start. The end is now by default. */
export function formatElapsed(start: string | null | undefined, end: string | null | undefined): string {
  const until = end ? Date.parse(end) : systemClock.date().getTime();
  const ms = until - Date.parse(start ?? '');
  return Number.isNaN(ms) ? '' : formatDuration(ms);
}
