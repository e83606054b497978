import type { JobRecord } from './record.ts';

/** The rank of a request in the order of arrival, held until it is disposed of. */
export interface Arrival extends Disposable {
  number: number;
  /** Resolves when all requests that arrived before are accepted or rejected. */
  isNext: Promise<unknown>;
}

/** Numbers requests in the order of arrival, across restarts of the runner. */
export class Arrivals {
  #last = 0;
  readonly #pending = new Set<object>();
  readonly #onSettled: () => void;
  #earlier: Promise<unknown> = Promise.resolve();

  /** `onSettled` is called when a request is accepted or rejected. */
  constructor(onSettled: () => void = () => {}) {
    this.#onSettled = onSettled;
  }

  /** The number of requests that are neither accepted nor rejected yet. */
  get pending(): number {
    return this.#pending.size;
  }

  next(): Arrival {
    const { promise, resolve } = Promise.withResolvers<void>();
    const isNext = this.#earlier;
    this.#earlier = Promise.all([isNext, promise]);
    this.#last += 1;
    const request = {};
    this.#pending.add(request);
    const settle = () => {
      resolve();
      if (this.#pending.delete(request)) this.#onSettled();
    };
    return { number: this.#last, isNext, [Symbol.dispose]: settle };
  }

  /** Continues after the numbers that jobs of the previous run have. */
  continueAfter(records: readonly JobRecord[]): void {
    this.#last = Math.max(this.#last, ...records.map(({ arrival }) => arrival ?? 0));
  }
}

/** Running jobs first, because they hold their slots already; the others in the order of arrival. */
export function compareArrival(a: JobRecord, b: JobRecord): number {
  const isWaiting = ({ phase }: JobRecord) => Number(phase === 'accepted');
  return (
    isWaiting(a) - isWaiting(b) ||
    (a.arrival ?? 0) - (b.arrival ?? 0) ||
    Date.parse(a.acceptedAt) - Date.parse(b.acceptedAt)
  );
}
