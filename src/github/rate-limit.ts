/** Recognises GitHub's rate limits and computes the wait. */
import { systemClock } from '../lib/clock.ts';
import type { Sleep } from '../lib/sleep.ts';
import { parseRetryAfter } from '../plan42/errors.ts';
import type { Caller } from './caller.ts';
import { type GithubError, withRetryTime } from './errors.ts';

export type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

export interface FailedResponse {
  status: number;
  headers: ResponseHeaders;
  message: string;
  /** The types of GraphQL's errors. */
  errorTypes?: readonly string[];
}

export interface RateLimit {
  waitMs: number;
  /** GitHub limits REST, search and GraphQL separately (primary) and abuse across all of them (secondary). */
  scope: 'resource' | 'all';
}

// GitHub's limits are hourly, so a longer wait is not from GitHub.
export const maxWaitMs = 65 * 60_000;
// GitHub's documentation requires this wait if the response has none.
const unknownWaitMs = 60_000;
// A reset is given in whole seconds.
const afterResetMs = 1000;

/**
 * Returns the rate limit that a response reports, if any.
 * Source: docs.github.com, "Rate limits for the REST API" and "Rate limits for the GraphQL API", exceeding the limit.
 */
export function rateLimitOf(response: FailedResponse, now: Date): RateLimit | undefined {
  const { status, headers, message, errorTypes = [] } = response;
  const isRefusal = status === 403 || status === 429;
  const isUsedUp = isRefusal && String(headers['x-ratelimit-remaining']) === '0';
  const isPrimary = isUsedUp || errorTypes.some((type) => /^RATE_LIMIT(ED)?$/.test(type));
  // GraphQL reports both with status 200 as well.
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

/** GitHub counts requests per resource. */
export type Resource = 'core' | 'search' | 'graphql';

interface Block {
  /** Time of `systemClock.now()`. */
  until: number;
  reason: GithubError;
}

// Spreads requests that waited for the same limit.
const jitterMs = 500;
// Minimum wait, because a limit that is reached repeatedly has not ended.
const minWaitMs = 1000;
const maxMinWaitMs = 64_000;

/**
 * Tracks rate limits that were reached, so that no request is sent before they end. GitHub treats such requests as abuse.
 */
export class RateLimiter {
  readonly #sleep: Sleep;
  readonly #blocks = new Map<Resource | 'all', Block>();
  /** Consecutive times that a limit was reached. */
  readonly #strikes = new Map<Resource | 'all', number>();

  constructor(sleep: Sleep) {
    this.#sleep = sleep;
  }

  /** Returns the wait, or undefined if the limit was known: many requests can reach a limit at once. */
  note(resource: Resource, { waitMs, scope }: RateLimit, reason: GithubError): number | undefined {
    const key = scope === 'all' ? 'all' : resource;
    const now = systemClock.now();
    const known = this.#blocks.get(key);
    if (known && known.until > now) {
      if (now + waitMs > known.until) this.#blocks.set(key, { until: now + waitMs, reason });
      return undefined;
    }
    const strikes = this.#strikes.get(key) ?? 0;
    this.#strikes.set(key, strikes + 1);
    const longEnoughMs = Math.max(waitMs, Math.min(maxMinWaitMs, minWaitMs * 2 ** strikes));
    this.#blocks.set(key, { until: now + longEnoughMs, reason });
    return longEnoughMs;
  }

  noteSuccess(resource: Resource): void {
    this.#strikes.delete(resource);
    this.#strikes.delete('all');
  }

  isReached(resource: Resource): boolean {
    return this.#blockOf(resource) !== undefined;
  }

  /** Returns the error of the current limit with the time of the next attempt; undefined without a limit. */
  refusal(resource: Resource): GithubError | undefined {
    const block = this.#blockOf(resource);
    return block && withRetryTime(block.reason, block.until - systemClock.now());
  }

  /**
   * Waits until the limit ends.
   * @throws GithubError with the time of the next attempt if that is past the caller's deadline
   */
  async wait(resource: Resource, { deadline, signal }: Pick<Caller, 'deadline' | 'signal'>): Promise<void> {
    for (;;) {
      const block = this.#blockOf(resource);
      if (!block) return;
      const until = block.until + Math.random() * jitterMs;
      if (until >= deadline) throw this.refusal(resource) ?? block.reason;
      await this.#sleep(until - systemClock.now(), signal);
      this.#forget(block);
    }
  }

  /** The limit that ends last. */
  #blockOf(resource: Resource): Block | undefined {
    const blocks = ['all', resource] as const;
    const lasting = blocks
      .flatMap((key) => this.#blocks.get(key) ?? [])
      .filter(({ until }) => until > systemClock.now());
    return lasting.toSorted((a, b) => b.until - a.until)[0];
  }

  #forget(block: Block): void {
    for (const [key, current] of this.#blocks) if (current === block) this.#blocks.delete(key);
  }
}
