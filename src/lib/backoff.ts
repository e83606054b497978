export interface BackoffLimits {
  minMs: number;
  maxMs: number;
}

/**
 * Exponential backoff with full jitter: the n-th delay is uniform in [0, min(maxMs, minMs · 2ⁿ)].
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: () => number;
  #attempts = 0;

  constructor(limits: BackoffLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Failures since the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next delay in milliseconds; at least `retryAfterMs`, what the server asked for. */
  next(retryAfterMs = 0): number {
    const { minMs, maxMs } = this.#limits;
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts, 40));
    this.#attempts += 1;
    return Math.max(retryAfterMs, this.#random() * ceiling);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
