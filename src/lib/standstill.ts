import { uptime } from 'node:os';
import { type Clock, systemClock } from './clock.ts';

export interface StandstillClock extends Pick<Clock, 'now' | 'date'> {
  /** Milliseconds since the machine started, asleep or not. */
  uptimeMs?: () => number;
}

const machineUptimeMs = () => uptime() * 1000;

/**
 * Returns a function to call at regular intervals. It returns for how many milliseconds longer than `intervalMs` ago its
 * previous call was, by the clock that advanced most: while a machine sleeps, Linux stops the monotonic clock but not
 * the uptime; a stopped process misses both; and of a paused virtual machine only the date may know. A date that is set
 * forward looks the same, so callers must only do what is harmless then.
 */
export function measureStandstill(clock: StandstillClock = systemClock): (intervalMs: number) => number {
  const { now, date, uptimeMs = machineUptimeMs } = clock;
  const elapsed = measureLongest(now, uptimeMs, () => date().getTime());
  return (intervalMs) => Math.max(0, elapsed() - intervalMs);
}

/** Returns a function that returns the milliseconds since its previous call, asleep or awake, whatever the date says. */
export function measureElapsed({ now, uptimeMs = machineUptimeMs }: StandstillClock = systemClock): () => number {
  return measureLongest(now, uptimeMs);
}

/** Returns a function that returns how much has passed since its previous call, by the clock that advanced most. */
function measureLongest(...clocks: readonly (() => number)[]): () => number {
  const last = clocks.map((read) => ({ read, ms: read() }));
  return () => {
    const steps = last.map((clock) => {
      const before = clock.ms;
      clock.ms = clock.read();
      return clock.ms - before;
    });
    return Math.max(...steps);
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
