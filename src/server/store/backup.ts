import { open } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { environmentFailure } from '../../lib/environment-failure.ts';
import { explain, requireIntact, requireOurs } from './database.ts';
import { keyFileName } from './secret-key.ts';

// One step reads one state of the database. A copy in several steps would start again at each write of the server.
const wholeDatabase = 2 ** 31 - 1;

const busyTimeoutMs = 10_000;

/** The files of the data folder that belong to the database. A backup has them in a table, which a restore removes. */
export const companions: readonly string[] = [keyFileName];

/**
 * Copies a database, with its write-ahead log, into an existing empty file.
 * @throws UserError if `from` cannot be used. A failure to write `to` is thrown as it is.
 */
export async function copyDatabase(from: string, to: string, lostRemedy: string): Promise<void> {
  try {
    using source = new DatabaseSync(from, { readOnly: true, timeout: busyTimeoutMs });
    requireOurs(source, from, lostRemedy);
    await backup(source, to, { rate: wholeDatabase }).catch((error: unknown) => {
      throw failedToWrite(error) ? new TargetFailure(error) : error;
    });
    using copy = new DatabaseSync(to);
    // So that the copy is one file.
    copy.exec('PRAGMA journal_mode = DELETE');
    requireIntact(copy, from, lostRemedy);
  } catch (error) {
    throw error instanceof TargetFailure ? error.cause : explain(error, from, lostRemedy);
  }
}

class TargetFailure extends Error {
  constructor(cause: unknown) {
    super('cannot write the copy', { cause });
  }
}

// The source is open already and is only read.
function failedToWrite(error: unknown): boolean {
  const kind = environmentFailure(error)?.kind;
  return kind === 'diskFull' || kind === 'readOnly' || kind === 'forbidden';
}

export async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}
