import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  futimesSync,
  lstatSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorCode, UserError } from './errors.ts';
import { giveToOwnerOf } from './files.ts';
import { sleep } from './sleep.ts';

/**
 * Locks a folder for this process until the lock is disposed or the process exits. It is an SQLite lock, which the operating
 * system releases, so it never goes stale. Returns undefined if another process holds it.
 */
export function tryLockFolder(folder: string): Disposable | undefined {
  const path = lockOf(folder);
  createLockFile(path);
  return tryLock(path, probeMs);
}

/** Whether another process has locked the folder. */
export function isFolderLocked(folder: string): boolean {
  if (!existsSync(lockOf(folder))) return false;
  try {
    using probe = new DatabaseSync(lockOf(folder), { readOnly: true });
    probe.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    return false;
  } catch (error) {
    return isBusy(error);
  }
}

const lockOf = (folder: string) => join(folder, 'lock');
// A probe by another process takes less than a millisecond.
const probeMs = 100;
const isBusy = (error: unknown) => error instanceof Error && /locked|busy/i.test(error.message);

/**
 * Waits for a lock that is held for milliseconds. Its file is removed on release; one that a killed process left is reused.
 */
export async function lockBriefly(path: string, signal: AbortSignal): Promise<Disposable> {
  for (;;) {
    signal.throwIfAborted();
    const lock = tryLockUnmoved(path);
    if (lock !== undefined) {
      return {
        // Before the release, so that no other process can lock the file that is being removed.
        [Symbol.dispose]: () => {
          rmSync(path, { force: true });
          lock[Symbol.dispose]();
        },
      };
    }
    await sleep(5 + Math.random() * 20, signal);
  }
}

/** The previous holder may have removed the file since it was opened here; a lock on a removed file excludes no one. */
function tryLockUnmoved(path: string): Disposable | undefined {
  createLockFile(path);
  const before = identityOf(path);
  const lock = tryLock(path);
  if (lock === undefined || (before !== undefined && before === identityOf(path))) return lock;
  lock[Symbol.dispose]();
  return undefined;
}

function tryLock(path: string, timeout = 0): Disposable | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  const held = database;
  return { [Symbol.dispose]: () => held.close() };
}

/**
 * SQLite would create it readable by others. An existing file is not opened: closing it would release the locks that this
 * process has on it.
 */
function createLockFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    requireWritable(path);
    return;
  }
  // A removed file's inode may be reused; a random modification time distinguishes the two files.
  const time = Math.floor(Math.random() * 2 ** 31);
  futimesSync(file, time, time);
  giveToOwnerOf(dirname(path), file);
  closeSync(file);
}

/** SQLite accepts a read-only file without an error, but does not lock it. It would follow another user's link. */
function requireWritable(path: string): void {
  try {
    if (!lstatSync(path).isFile()) throw new UserError(`cannot lock ${path}: it is not a regular file`);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    // The previous holder has removed it.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.ino} ${found.mtimeMs}`;
}
