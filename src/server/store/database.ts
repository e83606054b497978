import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { UserError } from '../../lib/errors.ts';
import { migrations } from './schema.ts';

/** A SQLite database with its prepared statements. The server's only one; the owner closes it. */
export class Database implements Disposable {
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  /** Returns a prepared statement. All statements are cached, so `sql` must not contain values. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs `work` in a transaction, which is durable when this returns. A nested transaction joins the outer one. */
  transaction<T>(work: () => T): T {
    if (this.#connection.isTransaction) return work();
    this.#connection.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#connection.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite rolls back on its own after some failures, such as a full disk.
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
  }
}

/**
 * Opens the database at `path` exclusively, and creates or upgrades its tables.
 * @throws UserError if another server has it open, or if a newer version of this program wrote it
 */
export function openDatabase(path: string): Database {
  // SQLite would create it with mode 0644. Its other files inherit the mode of this one.
  closeSync(openSync(path, 'a', 0o600));
  const connection = new DatabaseSync(path);
  try {
    // The lock excludes a second server, and the kernel releases it with the process.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    connection.exec('PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; COMMIT');
    migrate(connection, path);
    return new Database(connection);
  } catch (error) {
    connection.close();
    if (!isLocked(error)) throw error;
    throw new UserError(`cannot open ${path}: another server is using it`, {
      remedy: 'Stop the other server, or choose another data directory with --data.',
      cause: error,
    });
  }
}

function migrate(connection: DatabaseSync, path: string): void {
  const version = Number(connection.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > migrations.length) {
    throw new UserError(`cannot open ${path}: a newer version of this program wrote it`, {
      remedy: 'Upgrade this program, or choose another data directory with --data.',
    });
  }
  migrations.slice(version).forEach((sql, i) => {
    connection.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + i + 1}; COMMIT`);
  });
}

const sqliteBusy = 5;

function isLocked(error: unknown): boolean {
  return error instanceof Error && (error as Error & { errcode?: number }).errcode === sqliteBusy;
}
