import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { environmentFailure, failureRemedy } from '../../lib/environment-failure.ts';
import { errorCode, UserError } from '../../lib/errors.ts';
import { syncFolder } from '../../lib/files.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { explain, requireIntact, requireOurs } from './database.ts';
import { applicationId, databaseName, type FileKind, kindOfFile, requireOwnFile, waysOut } from './database-file.ts';
import { keyFileName } from './secret-key.ts';

// One step reads one state of the database. A copy in several steps would start again at each write of the server.
const wholeDatabase = 2 ** 31 - 1;

const busyTimeoutMs = 10_000;

/** The files of the data folder that belong to the database. A backup has them in a table, which a restore removes. */
export const companions: readonly string[] = [keyFileName];

/**
 * Copies the database of a data folder, with the files that it needs, into one file. A running server continues.
 * `target` is complete or does not appear.
 * @returns the size in bytes
 * @throws UserError if the database is missing or damaged, or if `target` exists and `force` is false
 */
export async function backUp(dataDir: string, target: string, { force }: { force: boolean }): Promise<number> {
  const path = join(dataDir, databaseName);
  requireSource(path, dataDir);
  await requireTarget(dataDir, target, force);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await createPrivate(temporary);
    await copyDatabase(path, temporary, waysOut(dataDir));
    await seal(temporary, dataDir);
    await sync(temporary);
    const { size } = await stat(temporary);
    await rename(temporary, target);
    await syncFolder(dirname(target));
    return size;
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainTarget(error, target);
  }
}

/** @throws UserError also for every file in the data folder: a backup must not replace or share the fate of what it copies */
async function requireTarget(dataDir: string, target: string, force: boolean): Promise<void> {
  if (await isInside(dirname(target), dataDir)) {
    throw new UserError(`cannot write ${target}: it is in the data directory of the server`, {
      remedy: 'Choose a file elsewhere, best on another disk.',
    });
  }
  const old = await stat(target).catch(() => undefined);
  if (old === undefined) return;
  if (!old.isFile())
    throw new UserError(`cannot write ${target}: it is not a file`, { remedy: 'Choose another file.' });
  if (!force) {
    throw new UserError(`${target} already exists`, { remedy: 'Choose another file, or replace it with --force.' });
  }
}

async function isInside(folder: string, outer: string): Promise<boolean> {
  // A missing folder is reported when the file is created.
  const real = (path: string) => realpath(path).catch(() => resolve(path));
  const [inner, root] = await Promise.all([real(folder), real(outer)]);
  return inner === root || inner.startsWith(root + sep);
}

function requireSource(path: string, dataDir: string): void {
  let kind: FileKind;
  try {
    kind = kindOfFile(path);
  } catch (error) {
    throw explain(error, path, waysOut(dataDir));
  }
  if (kind === 'missing') {
    throw new UserError(`no Plan42 server found in ${dataDir}`, { remedy: 'Give its data folder with --data.' });
  }
  requireOwnFile(path, dataDir);
}

function explainTarget(error: unknown, target: string): unknown {
  if (error instanceof UserError || errorCode(error) === undefined) return error;
  const failure = environmentFailure(error);
  const remedy = failure === undefined ? 'Choose another file.' : failureRemedy(failure, dirname(target));
  return new UserError(`cannot write ${target}`, { remedy, cause: error });
}

async function createPrivate(path: string): Promise<void> {
  await using _ = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  await chmod(path, 0o600);
}

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

/** Adds the other files to the copy, and marks it as a backup, which a server does not open by mistake. */
async function seal(path: string, dataDir: string): Promise<void> {
  using copy = new DatabaseSync(path);
  copy.exec('CREATE TABLE backup_files (Name TEXT PRIMARY KEY, Content TEXT NOT NULL) STRICT');
  const insert = copy.prepare('INSERT INTO backup_files VALUES (?, ?)');
  for (const name of companions) {
    const content = await readTextIfExists(join(dataDir, name));
    if (content !== undefined) insert.run(name, content);
  }
  copy.exec(`PRAGMA application_id = ${applicationId.backup}`);
}

export async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}
