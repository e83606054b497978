import { Backoff, type BackoffLimits } from '../lib/backoff.ts';
import { formatError } from '../lib/errors.ts';
import { ApiError, isAuthError } from '../plan42/errors.ts';
import type { Readiness } from './readiness.ts';

const refusedFirstMs = 1000;
const refusedMaxMs = 60_000;

/**
 * How long to wait after a failed call of one queue, and telling the readiness of it. A refused token is no outage:
 * its delay doubles from a second to a minute, without jitter below it, so that tries stay rare. Failures of the network
 * in between are no news about the token, and change nothing about that.
 */
export class RetryDelay {
  readonly #backoff: Backoff;
  readonly #readiness: Readiness;
  readonly #part: string;
  #refusals = 0;
  #isFailing = false;

  constructor(limits: BackoffLimits, readiness: Readiness, part: string) {
    this.#backoff = new Backoff(limits);
    this.#readiness = readiness;
    this.#part = part;
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  succeeded(): void {
    this.#isFailing = false;
    this.#backoff.reset();
    this.#refusals = 0;
    this.#readiness.works(this.#part);
  }

  /** Milliseconds to wait before the next try. */
  failed(error: unknown): number {
    this.#isFailing = true;
    const retryAfterMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    if (!isAuthError(error) && this.#refusals === 0) {
      this.#readiness.fails(this.#part, 'unreachable', formatError(error));
      return this.#backoff.next(retryAfterMs);
    }
    this.#readiness.fails(this.#part, 'refused', formatError(error));
    const delayMs = Math.min(refusedMaxMs, refusedFirstMs * 2 ** this.#refusals);
    this.#refusals += 1;
    return Math.max(retryAfterMs, delayMs * (1 + Math.random() / 10));
  }
}
