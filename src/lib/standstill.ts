import { uptime } from 'node:os';
import { type Clock, systemClock } from './clock.ts';

export interface StandstillClock extends Pick<Clock, 'now' | 'date'> {
  /** Milliseconds since the machine started, asleep or not. */
  uptimeMs?: () => number;
}

/**
 * Returns a function to call at regular intervals. It returns for how many milliseconds longer than `intervalMs` ago its
 * previous call was, by the clock that advanced most: while a machine sleeps, Linux stops the monotonic clock but not
 * the uptime; a stopped process misses both; and of a paused virtual machine only the date may know. A date that is set
 * forward looks the same, so callers must only do what is harmless then.
 */
export function measureStandstill(clock: StandstillClock = systemClock): (intervalMs: number) => number {
  const { now, date, uptimeMs = () => uptime() * 1000 } = clock;
  const read = () => [now(), uptimeMs(), date().getTime()] as const;
  let before = read();
  return (intervalMs) => {
    const current = read();
    const elapsedMs = Math.max(...current.map((time, index) => time - (before[index] ?? time)));
    before = current;
    return Math.max(0, elapsedMs - intervalMs);
  };
}

/** Returns a function that returns the milliseconds since its previous call, asleep or awake, whatever the date says. */
export function measureElapsed(clock: StandstillClock = systemClock): () => number {
  const { now, uptimeMs = () => uptime() * 1000 } = clock;
  let before = [now(), uptimeMs()] as const;
  return () => {
    const current = [now(), uptimeMs()] as const;
    const elapsedMs = Math.max(current[0] - before[0], current[1] - before[1]);
    before = current;
    return elapsedMs;
  };
}

const pollIntervalMs = 1000;
// By then the server has ended every poll that was in flight.
const minGapMs = 60_000;
// Leaves time to read data that arrived before the machine went to sleep.
const graceMs = 1000;

/** Calls `onWake` after the machine or the process stood still for a minute or more: connections are then dead without an error. */
export function watchForWake(onWake: (gapMs: number) => void, clock?: StandstillClock): Disposable {
  const stoodStillMs = measureStandstill(clock);
  const timer = setInterval(() => {
    const gapMs = stoodStillMs(pollIntervalMs);
    if (gapMs >= minGapMs) setTimeout(onWake, graceMs, gapMs).unref();
  }, pollIntervalMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
