import { systemClock } from '../lib/clock.ts';

const pollIntervalMs = 1000;
// By then the server has ended every poll that was in flight.
const minGapMs = 60_000;
// Leaves time to read data that arrived before the machine went to sleep.
const graceMs = 1000;

export interface Clocks {
  /** Advances while the machine sleeps. */
  wall: () => number;
  /** Stands still while the machine sleeps. */
  monotonic: () => number;
}

const systemClocks: Clocks = { wall: () => systemClock.date().getTime(), monotonic: () => systemClock.now() };

/**
 * Calls `onWake` after the machine has slept for a minute or more, because connections are then dead without an error.
 * Sleep is detected by the two clocks drifting apart.
 */
export function watchForWake(onWake: (gapMs: number) => void, clocks: Clocks = systemClocks): Disposable {
  let drift = clocks.wall() - clocks.monotonic();
  const timer = setInterval(() => {
    const now = clocks.wall() - clocks.monotonic();
    const gapMs = now - drift;
    drift = now;
    if (gapMs >= minGapMs) setTimeout(onWake, graceMs, gapMs).unref();
  }, pollIntervalMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
