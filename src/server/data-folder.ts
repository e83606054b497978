import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentFailure, failureRemedy } from '../lib/environment-failure.ts';
import { UserError } from '../lib/errors.ts';
import { makeFolder } from '../lib/files.ts';
import { tryParseJson } from '../lib/json.ts';
import { tryLockFolder } from '../lib/lock.ts';
import { requirePrivateFolder } from '../lib/private-folder.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import { databaseName, kindOfFile, waysOut } from './store/database-file.ts';
import type { Store } from './store/store.ts';

export const adminName = 'admin.json';
/** Exists while a restore replaces files. */
export const restoringName = 'restoring';

/**
 * Creates a data folder if needed, makes it private and locks it. The kernel releases the lock with the process.
 * @throws UserError if another process has locked it, or if it contains files of something else, whose mode must not change
 */
export async function lockDataFolder(path: string): Promise<Disposable> {
  try {
    const names = await listOrCreate(path);
    if (names.length > 0 && !names.some((name) => name.startsWith(databaseName) || name === adminName)) {
      throw new UserError(`cannot use the data directory ${path}: it holds files of something else`, {
        remedy: 'Choose an empty directory with --data.',
      });
    }
    await requirePrivateFolder(path);
    await chmod(path, 0o700);
    const lock = tryLockFolder(path);
    if (lock !== undefined) return lock;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const failure = environmentFailure(error);
    throw new UserError(`cannot use the data directory ${path}`, {
      remedy: failure === undefined ? 'Choose another one with --data.' : failureRemedy(failure, path),
      cause: error,
    });
  }
  throw new UserError(`cannot use the data directory ${path}: another server is using it`, {
    remedy: 'Stop the other server, or choose another data directory with --data.',
  });
}

// An aborted first start leaves only the lock.
async function listOrCreate(path: string): Promise<string[]> {
  await makeFolder(path);
  return (await readdir(path)).filter((name) => name !== 'lock');
}

/** @throws UserError if the folder had a database which is missing now, or if a restore was interrupted */
export async function requireComplete(dataDir: string): Promise<void> {
  const names = await readdir(dataDir);
  if (names.includes(restoringName)) {
    throw new UserError(`cannot use the data directory ${dataDir}: a restore was interrupted`, {
      remedy: `Restore the backup again: plan42 server restore FILE --data ${shellQuote(dataDir)}`,
    });
  }
  if (names.includes(adminName) && kindOfFile(join(dataDir, databaseName)) === 'missing') {
    throw new UserError(`cannot use the data directory ${dataDir}: it has ${adminName}, but no ${databaseName}`, {
      remedy: waysOut(dataDir),
    });
  }
}

/**
 * `admin.json` may be the only copy of a tenant's token, so it is not overwritten by that of another tenant.
 * @throws UserError if it belongs to another database
 */
export async function requireSameTenant(dataDir: string, { settings }: Pick<Store, 'settings'>): Promise<void> {
  const path = join(dataDir, adminName);
  const tenantId = tenantIn(await readTextIfExists(path));
  if (tenantId === undefined || tenantId === settings.get('tenantId')) return;
  throw new UserError(
    `cannot use the data directory ${dataDir}: ${adminName} is of another tenant than ${databaseName}`,
    {
      remedy: `Restore the backup of that tenant, or keep its token elsewhere: mv ${shellQuote(path)} ${shellQuote(`${path}.old`)}`,
    },
  );
}

/** Undefined for a damaged file, which has no token to protect. */
export function tenantIn(content: string | undefined): unknown {
  const admin = tryParseJson(content ?? '');
  return typeof admin === 'object' && admin !== null && 'tenantId' in admin ? admin.tenantId : undefined;
}
