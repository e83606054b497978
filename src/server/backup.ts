import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { environmentFailure, failureRemedy } from '../lib/environment-failure.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { syncFolder } from '../lib/files.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { saveRepositories } from './git/backup-repositories.ts';
import { GitMissing } from './git/run-git.ts';
import { companions, copyDatabase, sync } from './store/backup.ts';
import { explain } from './store/database.ts';
import {
  applicationId,
  databaseName,
  type FileKind,
  kindOfFile,
  requireOwnFile,
  waysOut,
} from './store/database-file.ts';

export interface Backup {
  /** The size of the file. */
  bytes: number;
  repositories: number;
}

/**
 * Copies the database of a data folder, with the files and the hosted repositories that belong to it, into one file. A running
 * server continues. `target` is complete or does not appear.
 * @throws UserError if the database is missing or damaged, or if `target` exists and `force` is false
 */
export async function backUp(
  dataDir: string,
  target: string,
  { force, env }: { force: boolean; env: NodeJS.ProcessEnv },
): Promise<Backup> {
  const path = join(dataDir, databaseName);
  requireSource(path, dataDir);
  await requireTarget(dataDir, target, force);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await createPrivate(temporary);
    await copyDatabase(path, temporary, waysOut(dataDir));
    const repositories = await seal(temporary, dataDir, env);
    await sync(temporary);
    const { size: bytes } = await stat(temporary);
    await rename(temporary, target);
    await syncFolder(dirname(target));
    return { bytes, repositories };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof GitMissing ? explainGit(error) : explainTarget(error, target);
  }
}

function explainGit(cause: GitMissing): UserError {
  return new UserError('cannot copy the hosted repositories', { remedy: 'Install git.', cause });
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
 * Adds everything else to the copy, and marks it as a backup, which a server does not open by mistake. The repositories come
 * after the database, so that they have each commit that it names.
 * @returns the number of repositories
 */
async function seal(path: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<number> {
  using copy = new DatabaseSync(path);
  // A file that is not complete is removed.
  copy.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
  copy.exec('CREATE TABLE backup_files (Name TEXT PRIMARY KEY, Content TEXT NOT NULL) STRICT');
  const insert = copy.prepare('INSERT INTO backup_files VALUES (?, ?)');
  for (const name of companions) {
    const content = await readTextIfExists(join(dataDir, name));
    if (content !== undefined) insert.run(name, content);
  }
  const repositories = await saveRepositories(dataDir, env, copy);
  copy.exec(`PRAGMA application_id = ${applicationId.backup}`);
  return repositories;
}
