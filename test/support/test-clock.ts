import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/lib/clock.ts';
import type { Sleep } from '../../src/lib/sleep.ts';

interface Sleeper {
  at: number;
  wake: () => void;
}

/** A monotonic clock that only `advance` moves. */
export class TestClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<Sleeper>();

  /** How many callers are asleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  readonly now = (): number => this.#now;

  readonly date = (): Date => new Date(this.#now);

  readonly sleep: Sleep = (ms, signal) => {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = () => {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener('abort', abort);
    };
    const abort = () => {
      end();
      reject(signal?.reason);
    };
    const wake = () => {
      end();
      resolve();
    };
    const sleeper: Sleeper = { at: this.#now + ms, wake };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', abort, { once: true });
    return promise;
  };

  /** Wakes everything that sleeps less than `ms` from now, in order, and lets it work. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await setImmediate();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await setImmediate();
    }
    this.#now = end;
  }

  #next(end: number): Sleeper | undefined {
    const due = [...this.#sleepers].filter(({ at }) => at <= end);
    return due.toSorted((a, b) => a.at - b.at)[0];
  }
}
