import { type TurnKey, turnName } from '../store/turns.ts';

/** Reads of entries that those who follow a turn make in the same tick: the first one reads, and all get the same array. */
export class SharedReads<Entry> {
  readonly #results = new Map<string, Entry[]>();

  /** Returns what `read` returns, or another follower's `read` of entries after the same position. */
  read(turn: TurnKey, after: number, read: () => Entry[]): Entry[] {
    const name = `${turnName(turn)} ${after}`;
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    const entries = read();
    // Nothing may be an older state: the next entry could have been added since.
    if (entries.length === 0) return entries;
    if (this.#results.size === 0) setImmediate(() => this.#results.clear());
    this.#results.set(name, entries);
    return entries;
  }
}
