import type { Clock } from '../../lib/clock.ts';

/** Knows since when no client of the tenant has used the server. Runners and agents do not count. */
export class Activity {
  readonly #clock: Clock;
  #open = 0;
  #endedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endedAt = clock.now();
  }

  /** Begins a request, which ends when the result is disposed. */
  begin(): Disposable {
    this.#open += 1;
    return {
      [Symbol.dispose]: () => {
        this.#open -= 1;
        this.#endedAt = this.#clock.now();
      },
    };
  }

  /** The time since the last request ended; 0 during one. */
  idleMs(): number {
    return this.#open > 0 ? 0 : this.#clock.now() - this.#endedAt;
  }
}
