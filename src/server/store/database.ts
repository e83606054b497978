import { closeSync, fdatasync, openSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { environmentFailure, failureRemedy } from '../../lib/environment-failure.ts';
import { UserError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { applicationId, databaseName, kindOfFile, requireOwnFile, waysOut } from './database-file.ts';
import { markRun, requireOwnLog } from './run-mark.ts';
import { migrations } from './schema.ts';
import { StorageHealth } from './storage-health.ts';

const syncFile = promisify(fdatasync);

/** A prepared statement whose failures are reported. */
export interface Statement {
  get: (...values: SQLInputValue[]) => ReturnType<StatementSync['get']>;
  all: (...values: SQLInputValue[]) => ReturnType<StatementSync['all']>;
  iterate: (...values: SQLInputValue[]) => Iterable<Record<string, SQLOutputValue>>;
  /** @throws StorageError also if the database was found damaged before */
  run: (...values: SQLInputValue[]) => ReturnType<StatementSync['run']>;
}

function* iterateGuarded(
  health: StorageHealth,
  prepared: StatementSync,
  values: SQLInputValue[],
): Generator<Record<string, SQLOutputValue>, void> {
  const rows = health.guard(() => prepared.iterate(...values));
  try {
    for (;;) {
      const { done, value } = health.guard(() => rows.next());
      if (done) return;
      yield value;
    }
  } finally {
    // Ends the read, if the caller does not want all rows.
    rows.return?.();
  }
}

/** A SQLite database with its prepared statements. The owner closes it. Failed access is a StorageError. */
export class Database implements Disposable {
  readonly health: StorageHealth;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, Statement>();
  #inTransaction = false;
  #isRelaxed = false;

  constructor(connection: DatabaseSync, health: StorageHealth) {
    this.#connection = connection;
    this.health = health;
  }

  /** Returns a prepared statement. All statements are cached, so `sql` must not contain values. */
  statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const { health } = this;
    const prepared = health.guard(() => this.#connection.prepare(sql));
    const statement: Statement = {
      get: (...values) => health.guard(() => prepared.get(...values)),
      all: (...values) => health.guard(() => prepared.all(...values)),
      iterate: (...values) => iterateGuarded(health, prepared, values),
      run: (...values) => {
        health.requireUndamaged();
        return health.guard(() => prepared.run(...values));
      },
    };
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs `work` in a transaction, which is durable when this returns. A nested transaction joins the outer one. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    // Only if it could not be undone before. Joined by this one, it would never be committed.
    this.#rollBack();
    this.statement('BEGIN IMMEDIATE').run();
    this.#inTransaction = true;
    try {
      const result = work();
      this.statement('COMMIT').run();
      return result;
    } catch (error) {
      try {
        this.#rollBack();
      } catch {
        // It is reported, and the first error says more.
      }
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  /**
   * Runs `work` in a transaction like {@link transaction}, but does not wait for the disk: a crash of the machine may undo it, a
   * crash of this process does not.
   */
  transactionWithoutSync<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    this.#rollBack();
    // A commit then writes to the log (-wal) without fsync. A checkpoint still syncs the log before the database.
    this.health.guard(() => this.#connection.exec('PRAGMA synchronous = NORMAL'));
    this.#isRelaxed = true;
    try {
      return this.transaction(work);
    } finally {
      this.#restoreSync();
    }
  }

  /** Runs `work` in a transaction, and waits for the disk in another thread. Other reads see the changes before. */
  async transactionInBackground<T>(work: () => T): Promise<T> {
    const result = this.transactionWithoutSync(work);
    await this.#syncLog();
    return result;
  }

  /** SQLite allows this only outside of transactions. */
  #restoreSync(): void {
    if (!this.#isRelaxed || this.#connection.isTransaction) return;
    this.health.guard(() => this.#connection.exec('PRAGMA synchronous = FULL'));
    this.#isRelaxed = false;
  }

  async #syncLog(): Promise<void> {
    const file = this.health.guard(() => openSync(`${this.#connection.location()}-wal`, 'r'));
    try {
      await syncFile(file);
    } catch (error) {
      this.health.guard(() => {
        throw error;
      });
    } finally {
      closeSync(file);
    }
  }

  /** Runs `work` as a part of the current transaction. If it throws, only the changes of this part are undone. */
  savepoint<T>(work: () => T): T {
    this.statement('SAVEPOINT part').run();
    try {
      return work();
    } catch (error) {
      if (this.#connection.isTransaction) this.statement('ROLLBACK TO part').run();
      throw error;
    } finally {
      if (this.#connection.isTransaction) this.statement('RELEASE part').run();
    }
  }

  /** SQLite rolls back on its own after some failures, such as a full disk. */
  #rollBack(): void {
    if (this.#connection.isTransaction) this.health.guard(() => this.#connection.exec('ROLLBACK'));
  }

  /** Gives up to `pages` unused pages of the file back to the disk. Returns whether there are more. */
  shrink(pages: number): boolean {
    this.health.requireUndamaged();
    return this.health.guard(() => {
      const count = () => Number(this.#connection.prepare('PRAGMA freelist_count').get()?.['freelist_count']);
      const before = count();
      this.#connection.exec(`PRAGMA incremental_vacuum(${pages})`);
      const left = count();
      if (left > 0 && left < before) return true;
      // The file shrinks when the log is written into it.
      this.#connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return false;
    });
  }

  /** Rewrites the file without unused pages and their content. Returns false if the disk has too little space for that. */
  vacuum(): boolean {
    this.health.requireUndamaged();
    return this.health.guard(() => {
      const path = this.#connection.location() ?? '';
      const { bavail, bsize } = statfsSync(dirname(path));
      if (bavail * bsize < 2 * statSync(path).size) return false;
      vacuum(this.#connection);
      return true;
    });
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
  }
}

/**
 * Opens the database in a data folder that this process has locked. Creates it if it is missing, and upgrades its tables.
 * @throws UserError if it is damaged, or is not a database that this version can use
 */
export function openDatabase(dataDir: string, logger: Logger): Database {
  const path = join(dataDir, databaseName);
  try {
    if (kindOfFile(path) === 'missing') createDatabase(path);
    requireOwnFile(path, dataDir);
    requireOwnLog(path, dataDir);
    return new Database(openExisting(path, dataDir), new StorageHealth(dataDir, logger));
  } catch (error) {
    throw explain(error, path, waysOut(dataDir));
  }
}

/** Creates it under another name first, so that a killed start leaves no empty database. */
function createDatabase(path: string): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  // SQLite would create it with mode 0644. Its other files inherit the mode of this one.
  closeSync(openSync(temporary, 'wx', 0o600));
  {
    using connection = new DatabaseSync(temporary);
    connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
    connection.exec(`PRAGMA application_id = ${applicationId.live}`);
    migrate(connection);
  }
  renameSync(temporary, path);
}

// A backup closes its connection within this time, and an older version of this server never does.
const busyTimeoutMs = 2000;

function openExisting(path: string, dataDir: string): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    requireOurs(connection, path, waysOut(dataDir));
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    connection.exec('PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST; BEGIN IMMEDIATE; COMMIT');
    requireIntact(connection, path, waysOut(dataDir));
    migrate(connection);
    enableShrinking(connection, path);
    connection.exec(`PRAGMA application_id = ${applicationId.live}`);
    markRun(connection, path);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

// VACUUM writes the whole database twice.
const maxVacuumBytes = 2 ** 29;

/** Converts a database that an older version created. A large one keeps its size: its free pages are only used again. */
function enableShrinking(connection: DatabaseSync, path: string): void {
  if (Number(connection.prepare('PRAGMA auto_vacuum').get()?.['auto_vacuum']) !== 0) return;
  const { size } = statSync(path);
  const { bavail, bsize } = statfsSync(dirname(path));
  if (size > maxVacuumBytes || bavail * bsize < 4 * size) return;
  connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
  vacuum(connection);
}

/** VACUUM moves pages, so a kill in between must not leave a part of it in a write-ahead log. */
function vacuum(connection: DatabaseSync): void {
  connection.exec('PRAGMA journal_mode = DELETE; VACUUM; PRAGMA journal_mode = WAL');
}

/** @throws UserError if other tables than those of this server are in the database, or if a newer version wrote it */
export function requireOurs(connection: DatabaseSync, path: string, remedy: string): void {
  const sql = "SELECT COUNT(*) AS Found FROM sqlite_schema WHERE type = 'table' AND name IN ('settings', 'tenants')";
  if (connection.prepare(sql).get()?.['Found'] !== 2) {
    throw new UserError(`cannot use ${path}: it is the database of another application`, { remedy });
  }
  if (versionOf(connection) > migrations.length) {
    throw new UserError(`cannot use ${path}: a newer version of this program wrote it`, {
      remedy: 'Upgrade this program, or choose another data directory with --data.',
    });
  }
}

// A check reads the file, three seconds per GiB. Above this size, the logs of turns are left out.
const maxWholeCheckBytes = 2 ** 30;

/** Checks the structure of the database. @throws UserError if it is damaged */
export function requireIntact(connection: DatabaseSync, path: string, remedy: string): void {
  const isSmall = statSync(path).size <= maxWholeCheckBytes;
  const tables = connection
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'turn_logs'")
    .all();
  for (const argument of isSmall ? ['1'] : tables.map(({ name }) => String(name))) {
    const result = String(connection.prepare(`PRAGMA quick_check(${argument})`).get()?.['quick_check']);
    if (result === 'ok') continue;
    const [line] = result.split('\n').slice(-1);
    throw new UserError(`cannot use ${path}: it is damaged (${line})`, { remedy });
  }
}

function versionOf(connection: DatabaseSync): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.['user_version']);
}

function migrate(connection: DatabaseSync): void {
  const version = versionOf(connection);
  migrations.slice(version).forEach((sql, i) => {
    connection.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + i + 1}; COMMIT`);
  });
}

/**
 * Returns a UserError for a failure of the environment, and any other error unchanged.
 * @param lostRemedy what to do if the database is lost
 */
export function explain(error: unknown, path: string, lostRemedy: string): unknown {
  const failure = error instanceof UserError ? undefined : environmentFailure(error);
  if (failure === undefined) return error;
  const because = (reason: string, remedy: string) =>
    new UserError(`cannot use ${path}: ${reason}`, { remedy, cause: error });
  if (failure.kind === 'busy') {
    return because(
      'another server is using it',
      'Stop the other server, or choose another data directory with --data.',
    );
  }
  if (failure.kind === 'damaged') return because('it is damaged', lostRemedy);
  if (failure.kind === 'notADatabase') return because('it is not a SQLite database', lostRemedy);
  return new UserError(`cannot use ${path}`, { remedy: failureRemedy(failure, dirname(path)), cause: error });
}
