import { setImmediate as nextTick } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import type { Database } from './database.ts';
import { StorageError } from './storage-health.ts';

/** A write that waits for its group. */
interface Write {
  /** Returns a function that resolves or rejects the promise of the write, to be called after the commit. @throws StorageError */
  run: () => () => void;
  reject: (error: unknown) => void;
}

// Other requests wait while the changes of a group are made.
const maxGroupMs = 10;

/**
 * Writes of many clients, which share transactions, because each transaction waits for the disk. While one waits, the next group
 * collects its writes. A write that comes alone is committed at once.
 */
export class WriteGroup {
  readonly #database: Database;
  readonly #writes: Write[] = [];
  #isCommitting = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Runs `work` soon, in a transaction with that of others. Resolves when the changes are durable. If `work` throws, only its own
   * changes are undone.
   * @throws what `work` throws; StorageError if the group could not be saved
   */
  write<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const run = () => {
      try {
        const result = this.#database.savepoint(work);
        return () => resolve(result);
      } catch (error) {
        // SQLite may have undone the changes of the whole group.
        if (error instanceof StorageError) throw error;
        return () => reject(error);
      }
    };
    this.#writes.push({ run, reject });
    if (!this.#isCommitting) void this.#commitAll();
    return promise;
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    // The requests that have arrived together are one group.
    await nextTick();
    while (this.#writes.length > 0) await this.#commitGroup();
    this.#isCommitting = false;
  }

  /** Never rejects. */
  async #commitGroup(): Promise<void> {
    const group: Write[] = [];
    const startedAt = systemClock.now();
    try {
      const settles = await this.#database.transactionInBackground(() => {
        const all: (() => void)[] = [];
        do {
          const next = this.#writes.shift();
          if (next === undefined) break;
          group.push(next);
          all.push(next.run());
        } while (systemClock.now() - startedAt < maxGroupMs);
        return all;
      });
      for (const settle of settles) settle();
    } catch (error) {
      // If the transaction could not begin, these are all that wait.
      const failed = group.length > 0 ? group : this.#writes.splice(0);
      for (const { reject } of failed) reject(error);
    }
  }
}
