import { accessSync, closeSync, constants, futimesSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorCode } from './errors.ts';
import { sleep } from './sleep.ts';

/**
 * Holds a folder for this process until it is disposed of or the process ends, however it ends. The lock is SQLite's,
 * which is the operating system's: nothing stale is left behind. Returns undefined when another process holds it.
 */
export function tryLockFolder(folder: string): Disposable | undefined {
  const path = join(folder, 'lock');
  makeLockFile(path);
  return tryLock(path);
}

/**
 * The same for what is changed in an instant: waits until nobody else holds the lock, whose file is gone when nobody wants
 * it any more. That of a holder who was killed is taken by the next one.
 */
export async function lockBriefly(path: string, signal: AbortSignal): Promise<Disposable> {
  for (;;) {
    signal.throwIfAborted();
    const lock = tryLockUnmoved(path);
    if (lock !== undefined) {
      return {
        // While it is held, so that nobody holds a file that another one takes away.
        [Symbol.dispose]: () => {
          rmSync(path, { force: true });
          lock[Symbol.dispose]();
        },
      };
    }
    await sleep(5 + Math.random() * 20, signal);
  }
}

/** Whoever had the file before may have removed it since it was opened here; a lock on that is none. */
function tryLockUnmoved(path: string): Disposable | undefined {
  makeLockFile(path);
  const before = identityOf(path);
  const lock = tryLock(path);
  if (lock === undefined || (before !== undefined && before === identityOf(path))) return lock;
  lock[Symbol.dispose]();
  return undefined;
}

function tryLock(path: string): Disposable | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined;
    throw error;
  }
  const held = database;
  return { [Symbol.dispose]: () => held.close() };
}

/**
 * SQLite would make it readable for others. One that is there is not opened: closing it would end the locks that this
 * process has on it.
 */
function makeLockFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    requireWritable(path);
    return;
  }
  // Its inode may have been that of the one before; a time of its own tells them apart.
  const time = Math.floor(Math.random() * 2 ** 31);
  futimesSync(file, time, time);
  closeSync(file);
}

/** SQLite says nothing of one that it can only read, and locks nothing. */
function requireWritable(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    // Who held it has taken it away.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.ino} ${found.mtimeMs}`;
}
