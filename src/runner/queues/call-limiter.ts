import { sleep } from '../lib/sleep.ts';
import { isTransient } from '../plan42/errors.ts';

const minGapMs = 150;

/**
 * Holds the calls of one queue back while none of them gets through: polls, answers and management together make at most
 * seven a second then, in the order in which they ask. The first of them that gets through lets all others go.
 */
export class OutagePace {
  /** Of `performance.now()`. */
  #outageSince: number | undefined;
  #failures = 0;
  /** When the next call of the outage may be made, of `performance.now()`. */
  #nextTurn = 0;
  #recovered = new AbortController();

  /** Since when no call has got through, of `performance.now()`; undefined when the last one did. */
  get outageSince(): number | undefined {
    return this.#outageSince;
  }

  /** Makes a call, in an outage not before its turn. Rejects as `work` does, or with the signal's reason. */
  async call<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#outageSince !== undefined) await this.#takeTurn(signal);
    const failuresBefore = this.#failures;
    try {
      const result = await work();
      // A long poll from before the last failure does not tell that the outage is over.
      if (this.#failures === failuresBefore) this.#recover();
      return result;
    } catch (error) {
      if (isTransient(error)) this.#noteFailure();
      throw error;
    }
  }

  #noteFailure(): void {
    this.#outageSince ??= performance.now();
    this.#failures += 1;
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const turn = Math.max(now, this.#nextTurn);
    this.#nextTurn = turn + minGapMs;
    const wake = AbortSignal.any([signal, this.#recovered.signal]);
    await sleep(turn - now, wake).catch(() => signal.throwIfAborted());
  }

  #recover(): void {
    if (this.#outageSince === undefined) return;
    this.#outageSince = undefined;
    this.#nextTurn = 0;
    this.#recovered.abort();
    this.#recovered = new AbortController();
  }
}
