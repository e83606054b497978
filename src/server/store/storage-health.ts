import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { environmentFailure, type FailureKind, failureRemedy, isOutOfInodes } from '../../lib/environment-failure.ts';
import type { Logger } from '../../lib/logger.ts';

/** Why data cannot be saved or read at the moment. Its message is for callers of the API. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

const messages: Readonly<Record<FailureKind, string>> = {
  diskFull: 'the disk of the server is full',
  readOnly: 'the file system of the server is read-only',
  forbidden: 'the server may not access its data',
  diskError: 'the disk of the server reports errors',
  damaged: 'the database of the server is damaged; its operator has to restore a backup',
  notADatabase: 'the database of the server is damaged; its operator has to restore a backup',
  busy: 'another program has locked the database of the server',
  descriptors: 'the server has no free file descriptors',
  memory: 'the server has no free memory',
};

// A few pages fit into the write-ahead log even if nothing else fits on the disk.
const minFreeBytes = 2 ** 20;

/**
 * Whether the database can be written. Failures are reported by the statements; each change is logged once. A damaged
 * database takes no more writes, because they would be lost with it.
 */
export class StorageHealth {
  readonly #dataDir: string;
  readonly #logger: Logger;
  #trouble: StorageError | undefined;

  constructor(dataDir: string, logger: Logger) {
    this.#dataDir = dataDir;
    this.#logger = logger;
  }

  /** Undefined if data can be saved. */
  get trouble(): StorageError | undefined {
    return this.#trouble;
  }

  get isDamaged(): boolean {
    return this.#trouble?.kind === 'damaged' || this.#trouble?.kind === 'notADatabase';
  }

  /** @throws StorageError if the database is damaged */
  requireUndamaged(): void {
    if (this.isDamaged) throw this.#trouble;
  }

  /** Runs `work`, which uses the database. @throws StorageError for a failure of the environment */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Tries to save something if that failed before. Returns whether it works again. */
  tryToRecover(save: () => void): boolean {
    if (this.#trouble === undefined || this.isDamaged) return false;
    try {
      const { bavail, bsize } = statfsSync(this.#dataDir);
      if (bavail * bsize < minFreeBytes) return false;
      save();
    } catch {
      return false;
    }
    this.#trouble = undefined;
    this.#logger.info('storage recovered');
    return true;
  }

  #explain(error: unknown): unknown {
    if (error instanceof StorageError) return error;
    const found = environmentFailure(error);
    if (found === undefined) return error;
    const kind = found.kind === 'diskError' || found.kind === 'forbidden' ? this.#examine(found.kind) : found.kind;
    const isInodes = kind === 'diskFull' && isOutOfInodes(this.#dataDir);
    const message = isInodes ? 'the file system of the server has no inodes left' : messages[kind];
    const trouble = new StorageError(kind, message, { cause: error });
    if (this.#trouble?.kind !== kind && !this.isDamaged) {
      this.#trouble = trouble;
      const remedy = failureRemedy({ kind, path: this.#dataDir });
      this.#logger.error('storage failed', { reason: message, error, folder: this.#dataDir, remedy });
    }
    return trouble;
  }

  /** SQLite hides the error of the system behind some of its own. */
  #examine(kind: FailureKind): FailureKind {
    const probe = join(this.#dataDir, '.storage-probe');
    try {
      const file = openSync(probe, 'w', 0o600);
      try {
        writeSync(file, 'x');
      } finally {
        closeSync(file);
        rmSync(probe);
      }
      return kind;
    } catch (error) {
      return environmentFailure(error)?.kind ?? kind;
    }
  }
}
