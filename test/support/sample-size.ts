import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const sampleMs = 2;

/** Looks at a file's size again and again until `done` resolves; the largest that was seen, in bytes. */
export async function largestSize(path: string, done: Promise<unknown>): Promise<number> {
  const over = new AbortController();
  const abort = () => over.abort();
  done.then(abort, abort);
  let largest = 0;
  while (!over.signal.aborted) {
    largest = Math.max(largest, await sizeOf(path));
    await delay(sampleMs);
  }
  await done;
  return Math.max(largest, await sizeOf(path));
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
