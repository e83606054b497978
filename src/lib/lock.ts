import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Holds a folder for this process until it is disposed of or the process ends, however it ends. The lock is SQLite's,
 * which is the operating system's: nothing stale is left behind. Returns undefined when another process holds it.
 */
export function tryLockFolder(folder: string): Disposable | undefined {
  const path = join(folder, 'lock');
  // SQLite would make it readable for others.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}
