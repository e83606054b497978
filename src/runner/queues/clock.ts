import { type Sleep, sleep } from '../../lib/sleep.ts';

/** A monotonic clock in milliseconds. Tests inject their own. */
export interface Clock {
  now: () => number;
  sleep: Sleep;
}

export const systemClock: Clock = { now: () => performance.now(), sleep };
