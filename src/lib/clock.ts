import { type Sleep, sleep } from './sleep.ts';

/**
 * The clocks of the machine. `npm run lint` finds code that reads them elsewhere, and code that asks for the date without
 * an entry in `scripts/lint/clock-reads.ts`: the date jumps, so it must not decide how long something took or may take.
 */
export interface Clock {
  /** Milliseconds that only ever advance, from an arbitrary origin: for each duration, timeout, deadline, age and rate. */
  now: () => number;
  /** The date of the calendar: for records, tokens and people. */
  date: () => Date;
  sleep: Sleep;
}

export const systemClock: Clock = { now: () => performance.now(), date: () => new Date(), sleep };

/** Milliseconds since the start of the machine, without the time that it slept. Processes of one boot agree on it. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
