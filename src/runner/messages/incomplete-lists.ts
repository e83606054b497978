import type { Clock } from '../../lib/clock.ts';

export interface IncompleteList {
  time: Date;
  /** Why, and what to do. */
  reason: string;
}

/** The lists that were incomplete when GitHub was last asked for them: an incomplete list looks like a short one. */
export class IncompleteLists {
  readonly #clock: Clock;
  /** By kind of list and connection. The latest is the last. */
  readonly #lists = new Map<string, IncompleteList>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get latest(): IncompleteList | undefined {
    return [...this.#lists.values()].at(-1);
  }

  /** @param reason undefined for a complete list */
  report(kind: string, connectionId: string, reason: string | undefined): void {
    const key = `${kind} ${connectionId.toLowerCase()}`;
    this.#lists.delete(key);
    if (reason !== undefined) this.#lists.set(key, { time: this.#clock.date(), reason });
  }
}
