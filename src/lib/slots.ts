/** A fixed number of slots, granted by rank, then in order of request. */
export class Slots {
  #free: number;
  #held = 0;
  readonly #waiting: { rank: number; give: (slot: Disposable) => void }[] = [];

  readonly #onFree: () => void;

  /** `onFree` is called when a slot or a place in the line becomes free. */
  constructor(count: number, onFree: () => void = () => {}) {
    this.#onFree = onFree;
    this.#free = count;
  }

  /** Number of held slots. */
  get held(): number {
    return this.#held;
  }

  /** Number of callers that wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Returns a slot if one is free. The holder disposes of it. */
  tryTake(): Disposable | undefined {
    if (this.#free <= 0) return undefined;
    this.#free -= 1;
    return this.#slot();
  }

  /** Returns a slot even if none is free, for jobs that are already running. */
  occupy(): Disposable {
    this.#free -= 1;
    return this.#slot();
  }

  /** Waits for a slot, ahead of all callers with a higher rank. Rejects with the signal's reason. */
  take(signal: AbortSignal, rank = 0): Promise<Disposable> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const slot = this.tryTake();
    if (slot) return Promise.resolve(slot);
    const { promise, resolve, reject } = Promise.withResolvers<Disposable>();
    const give = (given: Disposable) => {
      signal.removeEventListener('abort', leave);
      resolve(given);
    };
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(place), 1);
      reject(signal.reason);
      this.#onFree();
    };
    const place = { rank, give };
    const behind = this.#waiting.findIndex((other) => other.rank > rank);
    this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, place);
    signal.addEventListener('abort', leave, { once: true });
    return promise;
  }

  #slot(): Disposable {
    let held = true;
    this.#held += 1;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#held -= 1;
        const next = this.#free < 0 ? undefined : this.#waiting.shift();
        if (next) next.give(this.#slot());
        else this.#free += 1;
        this.#onFree();
      },
    };
  }
}
