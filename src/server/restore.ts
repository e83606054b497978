import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../lib/clock.ts';
import { environmentFailure, failureRemedy } from '../lib/environment-failure.ts';
import { UserError } from '../lib/errors.ts';
import { exists, syncFolder, writeDurably } from '../lib/files.ts';
import { readFailure, readTextIfExists } from '../lib/read-file.ts';
import { adminName, lockDataFolder, restoringName, tenantIn } from './data-folder.ts';
import { dropRepositories, unpackRepositories } from './git/backup-repositories.ts';
import { repositoriesName } from './git/repositories.ts';
import { GitMissing } from './git/run-git.ts';
import { companions, copyDatabase, sync } from './store/backup.ts';
import { applicationId, databaseName, kindOfFile } from './store/database-file.ts';

const otherBackup = 'Choose another backup.';

/**
 * Replaces the database of a data folder by a backup, and keeps the replaced files in a folder beside it. Until the last
 * step a server finds the old data; while files are being replaced, it refuses to start.
 * @returns the folder with the replaced files, if there were any
 * @throws UserError if a server is running, or if the backup is damaged
 */
export async function restoreBackup(
  file: string,
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  requireBackup(file);
  using _ = await lockDataFolder(dataDir);
  const path = join(dataDir, databaseName);
  try {
    const files = await stage(file, dataDir, env);
    requireUnused(path);
    const aside = await keepAside(dataDir);
    await replace(dataDir, files, aside);
    return aside;
  } catch (error) {
    await rm(stagedRepositories(dataDir), { recursive: true, force: true });
    if (error instanceof GitMissing)
      throw new UserError(`cannot restore the hosted repositories of ${file}`, {
        remedy: 'Install git.',
        cause: error,
      });
    const failure = error instanceof UserError ? undefined : environmentFailure(error);
    if (failure === undefined) throw error;
    throw new UserError(`cannot restore ${file}`, { remedy: failureRemedy(failure, dataDir), cause: error });
  }
}

function requireBackup(file: string): void {
  const reasons = {
    missing: 'it does not exist',
    empty: 'it is empty',
    notADatabase: 'it is not a SQLite database',
    foreign: 'it is the database of another application',
  };
  let kind: ReturnType<typeof kindOfFile>;
  try {
    kind = kindOfFile(file);
  } catch (error) {
    const failure = environmentFailure(error);
    const remedy = failure === undefined ? otherBackup : failureRemedy(failure, file);
    throw new UserError(`cannot read ${file}`, { remedy, cause: readFailure(error) });
  }
  // A copy of a database that another program made can be restored too.
  if (kind === 'backup' || kind === 'live' || kind === 'unmarked') return;
  throw new UserError(`cannot restore ${file}: ${reasons[kind]}`, { remedy: otherBackup });
}

/** A server of an older version locks only the database. */
function requireUnused(path: string): void {
  try {
    if (kindOfFile(path) === 'missing') return;
    using connection = new DatabaseSync(path, { readOnly: true });
    connection.prepare('SELECT COUNT(*) FROM sqlite_schema').get();
  } catch (error) {
    if (environmentFailure(error)?.kind !== 'busy') return;
    throw new UserError(`cannot replace ${path}: a server is using it`, { remedy: 'Stop the server.', cause: error });
  }
}

const stagedDatabase = (dataDir: string) => join(dataDir, `${databaseName}.restore`);
const stagedRepositories = (dataDir: string) => join(dataDir, `${repositoriesName}.restore`);

interface StagedFiles {
  /** Whether the backup has the hosted repositories. Those of older versions have not. */
  hasRepositories: boolean;
  tenantId: string | undefined;
  /** By name. */
  companions: Map<string, string>;
}

/** Copies and checks the backup. Nothing of the data folder has changed yet. */
async function stage(file: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<StagedFiles> {
  const staged = stagedDatabase(dataDir);
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(staged + suffix, { force: true });
  await (await open(staged, 'wx', 0o600)).close();
  try {
    await copyDatabase(file, staged, otherBackup);
    const hasRepositories = await stageRepositories(staged, dataDir, env);
    const files = { ...unseal(staged), hasRepositories };
    // A copy by another program, or a replaced database, has its other files beside it.
    for (const name of companions) {
      const beside = files.companions.has(name) ? undefined : await readTextIfExists(join(dirname(file), name));
      if (beside !== undefined) files.companions.set(name, beside);
    }
    await sync(staged);
    return files;
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
}

async function stageRepositories(staged: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  using copy = new DatabaseSync(staged);
  const folder = stagedRepositories(dataDir);
  await rm(folder, { recursive: true, force: true });
  const count = await unpackRepositories(copy, folder, env);
  dropRepositories(copy);
  return count !== undefined;
}

function unseal(staged: string): Omit<StagedFiles, 'hasRepositories'> {
  using copy = new DatabaseSync(staged);
  // The key must not remain in free pages of the database.
  copy.exec('PRAGMA secure_delete = ON');
  const isSealed = copy.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_files'").get() !== undefined;
  const rows = isSealed ? copy.prepare('SELECT Name, Content FROM backup_files').all() : [];
  const known = rows.filter(({ Name }) => companions.includes(String(Name)));
  copy.exec(`DROP TABLE IF EXISTS backup_files; PRAGMA application_id = ${applicationId.live}`);
  copy.exec('PRAGMA incremental_vacuum');
  const tenant = copy.prepare("SELECT Value FROM settings WHERE Name = 'tenantId'").get()?.['Value'];
  return {
    tenantId: tenant === undefined ? undefined : String(tenant),
    companions: new Map(known.map(({ Name, Content }) => [String(Name), String(Content)])),
  };
}

/** Links the present files into a new folder, which hosted repositories will be moved to. */
async function keepAside(dataDir: string): Promise<string | undefined> {
  const all = await readdir(dataDir);
  const names = all.filter((name) =>
    [
      databaseName,
      `${databaseName}-wal`,
      `${databaseName}-journal`,
      `${databaseName}-run`,
      adminName,
      ...companions,
    ].includes(name),
  );
  if (names.length === 0 && !all.includes(repositoriesName)) return undefined;
  const folder = await newFolder(
    join(dataDir, `replaced-${systemClock.date().toISOString().slice(0, 19).replaceAll(':', '-')}`),
  );
  for (const name of names) {
    const [from, to] = [join(dataDir, name), join(folder, name)];
    await link(from, to).catch(() => copyFile(from, to));
  }
  await syncFolder(folder);
  return folder;
}

async function newFolder(path: string, number = 1): Promise<string> {
  const candidate = number === 1 ? path : `${path}-${number}`;
  try {
    await mkdir(candidate, { mode: 0o700 });
    return candidate;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return newFolder(path, number + 1);
  }
}

/** Puts the staged files in place. If this is interrupted, the marker keeps a server from starting. */
async function replace(dataDir: string, files: StagedFiles, aside: string | undefined): Promise<void> {
  const path = join(dataDir, databaseName);
  const [marker, admin] = [join(dataDir, restoringName), join(dataDir, adminName)];
  await writeDurably(marker, '');
  for (const suffix of ['-wal', '-shm', '-run', '-journal']) await rm(path + suffix, { force: true });
  if (files.hasRepositories) await replaceRepositories(dataDir, aside);
  for (const [name, content] of files.companions) await writeDurably(join(dataDir, name), content);
  if (tenantIn(await readTextIfExists(admin)) !== files.tenantId) await rm(admin, { force: true });
  await rename(stagedDatabase(dataDir), path);
  await syncFolder(dataDir);
  await rm(marker);
  await syncFolder(dataDir);
}

async function replaceRepositories(dataDir: string, aside: string | undefined): Promise<void> {
  const path = join(dataDir, repositoriesName);
  if (aside !== undefined && (await exists(path))) await rename(path, join(aside, repositoriesName));
  await rename(stagedRepositories(dataDir), path);
}
