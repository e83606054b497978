import { setTimeout as delay } from 'node:timers/promises';
import { readJobLog, statLog } from '../../src/shim/job-log.ts';

const sampleMs = 5;

/** The log as it is now; a line says how many bytes were dropped before it. Empty if there is none. */
export async function readLog(logFile: string, encoding: BufferEncoding = 'utf8'): Promise<string> {
  const { signal } = new AbortController();
  const blocks = await Array.fromAsync(readJobLog({ logFile, lines: Number.POSITIVE_INFINITY, signal }));
  return Buffer.concat(blocks).toString(encoding);
}

/** How many bytes of a log were dropped, by its first line; zero if it is complete. */
export function droppedBytes(log: string): number {
  const [, bytes] = /^\[plan42: the first (\d+) bytes of this log were dropped\]\n/.exec(log) ?? [];
  return Number(bytes ?? 0);
}

export async function logBytes(logFile: string): Promise<number> {
  return (await statLog(logFile))?.bytes ?? 0;
}

/** Measures the log again and again until `done` resolves: its largest size, and its smallest after it was near `limit` once. */
export async function sampleLog(
  logFile: string,
  done: Promise<unknown>,
  limit = Number.POSITIVE_INFINITY,
): Promise<{ largest: number; smallestFull: number }> {
  const finished = new AbortController();
  const abort = () => finished.abort();
  done.then(abort, abort);
  let [largest, smallestFull] = [0, Number.POSITIVE_INFINITY];
  for (let isLast = false; !isLast; ) {
    isLast = finished.signal.aborted;
    const bytes = await logBytes(logFile);
    largest = Math.max(largest, bytes);
    if (largest > limit * 0.9) smallestFull = Math.min(smallestFull, bytes);
    if (!isLast) await delay(sampleMs);
  }
  await done;
  return { largest, smallestFull };
}
