import type { Clock } from '../../lib/clock.ts';

// Each write of a client adds one.
const maxRemembered = 100_000;

/** The signatures of writes, for as long as they are valid, so that none is accepted twice. */
export class UsedSignatures {
  readonly #clock: Clock;
  readonly #validMs: number;
  // In the order of their use.
  readonly #used = new Map<string, number>();

  /** `validMs` is the longest time between a use of a signature and its end. */
  constructor(clock: Clock, validMs: number) {
    this.#clock = clock;
    this.#validMs = validMs;
  }

  /** Returns whether the signature was not used before. */
  use(signature: string): boolean {
    const now = this.#clock.now();
    for (const [old, usedAt] of this.#used) {
      if (now - usedAt <= this.#validMs && this.#used.size < maxRemembered) break;
      this.#used.delete(old);
    }
    if (this.#used.has(signature)) return false;
    this.#used.set(signature, now);
    return true;
  }
}
