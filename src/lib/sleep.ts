import { setTimeout as delay } from 'node:timers/promises';

// Timers take a longer time for no time at all.
const maxTimerMs = 2 ** 31 - 1;

/** Waits `ms` milliseconds, at most 24 days; rejects with the signal's reason as soon as it is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(Math.min(ms, maxTimerMs), undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** A function that waits, so that tests can pass time by themselves. */
export type Sleep = typeof sleep;
