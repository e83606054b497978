import { describeDuration } from '../lib/format-duration.ts';

/** A token that ends within this many days has to be replaced. */
export const soonDays = 14;

export type TokenState = 'valid' | 'ending' | 'expired';

const dayMs = 86_400_000;
// The clocks of two machines differ a little.
const leewayMs = 5 * 60_000;

export function tokenState(expiresAt: Date | undefined, now: Date): TokenState {
  const remainingMs = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt.getTime() - now.getTime();
  if (remainingMs <= 0) return 'expired';
  return remainingMs <= soonDays * dayMs ? 'ending' : 'valid';
}

/** Whether a token has certainly expired, if its issuer has a clock that is a little behind. */
export function hasExpired(expiresAt: Date | undefined, now: Date): boolean {
  return expiresAt !== undefined && now.getTime() - expiresAt.getTime() >= leewayMs;
}

/** Returns when it ends, relative to now: `in 5 days`, `in 1 hour`, `2 days ago`, `now`. */
export function describeEnd(expiresAt: Date, now: Date): string {
  const remainingMs = expiresAt.getTime() - now.getTime();
  if (Math.abs(remainingMs) < 60_000) return 'now';
  const duration = describeDuration(Math.abs(remainingMs));
  return remainingMs > 0 ? `in ${duration}` : `${duration} ago`;
}
