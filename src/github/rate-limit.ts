/** What GitHub says about its rate limits, and when to ask again. */
import { parseRetryAfter } from '../plan42/errors.ts';

export type AnswerHeaders = Readonly<Record<string, string | number | undefined>>;

export interface FailedAnswer {
  status: number;
  headers: AnswerHeaders;
  message: string;
  /** The types of GraphQL's errors. */
  errorTypes?: readonly string[];
}

export interface RateLimit {
  waitMs: number;
  /** GitHub counts REST, search and GraphQL by themselves (primary), but abuse (secondary) for all of them. */
  scope: 'resource' | 'all';
}

// Limits are counted by the hour; what asks for more is not GitHub's.
export const maxWaitMs = 65 * 60_000;
// What GitHub's documentation asks for when it does not say how long.
const unknownWaitMs = 60_000;
// A reset is given in whole seconds.
const afterResetMs = 1000;

/**
 * The limit that this answer is about, if it is about one.
 * Source: docs.github.com, "Rate limits for the REST API" and "Rate limits for the GraphQL API", exceeding the limit.
 */
export function rateLimitOf(answer: FailedAnswer, now: Date): RateLimit | undefined {
  const { status, headers, message, errorTypes = [] } = answer;
  const isRefusal = status === 403 || status === 429;
  const isUsedUp = isRefusal && String(headers['x-ratelimit-remaining']) === '0';
  const isPrimary = isUsedUp || errorTypes.some((type) => /^RATE_LIMIT(ED)?$/.test(type));
  // GraphQL tells both with status 200, too.
  const isSecondary = (isRefusal || status === 200) && /secondary rate|abuse detection/i.test(message);
  if (!isRefusal && !isPrimary && !isSecondary) return undefined;
  const serverNow = dateOf(headers['date']) ?? now;
  const scope = isPrimary && !isSecondary ? 'resource' : 'all';
  const retryAfterMs = parseRetryAfter(textOf(headers['retry-after']), serverNow, maxWaitMs);
  if (retryAfterMs !== undefined) return { waitMs: retryAfterMs, scope };
  const resetMs = Number(headers['x-ratelimit-reset']) * 1000 - serverNow.getTime() + afterResetMs;
  if (isPrimary && Number.isFinite(resetMs)) return { waitMs: Math.min(maxWaitMs, Math.max(0, resetMs)), scope };
  if (isPrimary || isSecondary || status === 429) return { waitMs: unknownWaitMs, scope };
  return undefined;
}

function textOf(header: string | number | undefined): string | undefined {
  return header === undefined ? undefined : String(header);
}

// The server's clock rather than ours, which may be wrong.
function dateOf(header: string | number | undefined): Date | undefined {
  const time = Date.parse(textOf(header) ?? '');
  return Number.isNaN(time) ? undefined : new Date(time);
}
