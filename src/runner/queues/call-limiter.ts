import { type Clock, systemClock } from '../../lib/clock.ts';
import { isTransient } from '../../plan42/errors.ts';

const minGapMs = 150;

/**
 * Spaces the calls of one queue during an outage: polls, responses and management share at most seven calls a second,
 * first come, first served. The first successful call releases all others.
 */
export class CallLimiter {
  readonly #clock: Clock;
  #outageSince: number | undefined;
  #failures = 0;
  /** Time at which the next call may be made. */
  #nextTurn = 0;
  #recovered = new AbortController();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Time since which all calls fail; undefined if the last one succeeded. */
  get outageSince(): number | undefined {
    return this.#outageSince;
  }

  /** Makes a call, delayed during an outage. Rejects as `work` does, or with the signal's reason. */
  async call<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#outageSince !== undefined) await this.#takeTurn(signal);
    const failuresBefore = this.#failures;
    try {
      const result = await work();
      // A long poll that started before the last failure does not prove that the server recovered.
      if (this.#failures === failuresBefore) this.#recover();
      return result;
    } catch (error) {
      if (isTransient(error)) this.#recordFailure();
      throw error;
    }
  }

  #recordFailure(): void {
    this.#outageSince ??= this.#clock.now();
    this.#failures += 1;
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const turn = Math.max(now, this.#nextTurn);
    this.#nextTurn = turn + minGapMs;
    const wake = AbortSignal.any([signal, this.#recovered.signal]);
    await this.#clock.sleep(turn - now, wake).catch(() => signal.throwIfAborted());
  }

  #recover(): void {
    if (this.#outageSince === undefined) return;
    this.#outageSince = undefined;
    this.#nextTurn = 0;
    this.#recovered.abort();
    this.#recovered = new AbortController();
  }
}
