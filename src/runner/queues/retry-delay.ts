import { Backoff, type BackoffLimits } from '../../lib/backoff.ts';
import { formatError } from '../../lib/errors.ts';
import { ApiError, describeSkew, isAuthError } from '../../plan42/errors.ts';
import type { RunnerHealth } from '../health.ts';

const rejectedFirstMs = 1000;
const rejectedMaxMs = 60_000;

/**
 * Computes the delay after a failed call of a queue and reports to the runner's health. A rejected token is not an outage:
 * its delay doubles from one second to a minute, with little jitter. Network failures in between do not reset it,
 * because they say nothing about the token.
 */
export class RetryDelay {
  readonly #backoff: Backoff;
  readonly #health: RunnerHealth;
  readonly #part: string;
  #rejections = 0;
  #isFailing = false;

  constructor(limits: BackoffLimits, health: RunnerHealth, part: string) {
    this.#backoff = new Backoff(limits);
    this.#health = health;
    this.#part = part;
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  succeeded(): void {
    this.#isFailing = false;
    this.#backoff.reset();
    this.#rejections = 0;
    this.#health.reportSuccess(this.#part);
  }

  /** Returns the delay before the next attempt, in milliseconds. */
  failed(error: unknown): number {
    this.#isFailing = true;
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    if (!isAuthError(error) && this.#rejections === 0) {
      this.#health.reportFailure(this.#part, 'unreachable', formatError(error));
      return this.#backoff.next(retryAfterMs);
    }
    const skew = error instanceof ApiError ? describeSkew(error) : undefined;
    this.#health.reportFailure(this.#part, 'refused', [formatError(error), skew].filter(Boolean).join('; '));
    const delayMs = Math.min(rejectedMaxMs, rejectedFirstMs * 2 ** this.#rejections);
    this.#rejections += 1;
    return Math.max(retryAfterMs, delayMs * (1 + Math.random() / 10));
  }
}
