/** Compares the clocks of two servers by the `Date` headers of their responses, to a second or two. */

export interface ClockReading {
  /** The time on the clock of the server. */
  dateMs: number;
  /** When it was read, on the monotonic clock of this machine. */
  readAtMs: number;
}

/** Returns undefined without a usable `Date` header. */
export function readClock(date: string | number | undefined, readAtMs: number): ClockReading | undefined {
  const dateMs = Date.parse(String(date));
  return Number.isNaN(dateMs) ? undefined : { dateMs, readAtMs };
}

/** Returns how far the first clock is ahead of the second. Zero if one of them is unknown. */
export function clockSkewMs(first: ClockReading | undefined, second: ClockReading | undefined): number {
  if (first === undefined || second === undefined) return 0;
  return first.dateMs - second.dateMs - (first.readAtMs - second.readAtMs);
}
