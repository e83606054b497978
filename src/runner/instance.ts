import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { stateFolderRemedy } from '../config/paths.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { exists, writeDurably } from '../lib/files.ts';
import { tryLockFolder } from '../lib/lock.ts';
import type { Logger } from '../lib/logger.ts';
import { openPrivateFolder } from '../lib/private-folder.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { isUuid } from '../lib/uuid.ts';

const idFile = 'instance-id';

/** Identifies this runner among others on the same machine. Its containers and images are labelled with the ID. */
export interface Instance extends Disposable {
  id: string;
}

/**
 * Locks the state folder and reads its instance ID, or creates one. A configured one takes its place.
 * @throws UserError if another runner uses the folder, or it is not usable
 */
export async function openInstance(stateDir: string, logger: Logger, configured?: string): Promise<Instance> {
  await inStateFolder(stateDir, () => openPrivateFolder(stateDir));
  const lock = await inStateFolder(stateDir, async () => tryLockFolder(stateDir));
  if (lock === undefined) {
    throw new UserError(`another runner is using the state folder ${stateDir}`, {
      remedy: 'Stop the other runner, or choose another folder with --state-dir.',
    });
  }
  try {
    const known = await readInstanceId(stateDir);
    const id =
      configured === undefined
        ? (known ?? (await inStateFolder(stateDir, () => replaceId(stateDir, logger))))
        : await inStateFolder(stateDir, () => configureId(stateDir, { known, configured, logger }));
    return { id, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * Runs `work`, which needs the state folder.
 * @throws UserError if it fails with a system error, such as a missing permission
 */
export async function inStateFolder<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof UserError) throw error;
    throw new UserError(`cannot use state folder ${stateDir}`, {
      remedy: stateFolderRemedy(error),
      cause: error,
    });
  }
}

/**
 * Reads the instance ID of a state folder, whether its runner is running or not; undefined if it is missing or damaged.
 * @throws UserError if the file cannot be read
 */
export async function readInstanceId(stateDir: string): Promise<string | undefined> {
  const path = join(stateDir, idFile);
  try {
    const id = (await readTextIfExists(path))?.trim();
    return id !== undefined && isUuid(id) ? id : undefined;
  } catch (error) {
    throw new UserError(`cannot read instance ID ${path}`, {
      remedy:
        'Make it readable, or delete it. The runner then creates a new ID and no longer manages containers and images labelled with the old one.',
      cause: error,
    });
  }
}

async function configureId(
  stateDir: string,
  { known, configured, logger }: { known: string | undefined; configured: string; logger: Logger },
): Promise<string> {
  if (known === configured) return configured;
  // Commands find it there, such as `job prune`.
  await writeDurably(join(stateDir, idFile), `${configured}\n`);
  if (known !== undefined) {
    const remedy = 'Remove containers and images labelled with the old ID by hand.';
    logger.warn('instance ID changed by configuration', { former_id: known, instance_id: configured, remedy });
  }
  return configured;
}

async function replaceId(stateDir: string, logger: Logger): Promise<string> {
  const path = join(stateDir, idFile);
  const isDamaged = await exists(path);
  const id = randomUUID();
  await writeDurably(path, `${id}\n`);
  if (isDamaged) {
    const remedy = 'Remove containers and images labelled with the old ID by hand.';
    logger.warn('instance ID damaged, created a new one', { path, instance_id: id, remedy });
  }
  return id;
}
