import type { Database } from './database.ts';

/** The signatures of writes, for as long as they are valid, so that none is accepted twice, not even after a restart. */
export class UsedSignatures {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Returns whether the signature was not used before.
   * @param validMs the longest time between a use of a signature and its end
   * @throws UserError if it cannot be saved; the request must then not be carried out
   */
  use(signature: string, { now, validMs }: { now: Date; validMs: number }): boolean {
    return this.#database.transaction(() => {
      // Twice as long, in case the clock is corrected meanwhile.
      this.#database.statement('DELETE FROM used_signatures WHERE UsedAt < ?').run(now.getTime() - 2 * validMs);
      const added = this.#database.statement('INSERT OR IGNORE INTO used_signatures VALUES (?, ?)');
      return added.run(signature, now.getTime()).changes === 1;
    });
  }
}
