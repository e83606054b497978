import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { stateFolderRemedy } from '../config/paths.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { exists, makeFolder, readFileIfExists, writeDurably } from '../lib/files.ts';
import { tryLockFolder } from '../lib/lock.ts';
import type { Logger } from '../lib/logger.ts';
import { isUuid } from '../lib/uuid.ts';

const idFile = 'instance-id';

/** This runner, as distinct from others on the same machine: what it creates carries its ID. */
export interface Instance extends Disposable {
  id: string;
}

/**
 * Takes the state folder for this process and reads its instance ID, or makes one.
 * @throws UserError when another runner uses the folder, or it can't be used
 */
export async function openInstance(stateDir: string, logger: Logger): Promise<Instance> {
  await inStateFolder(stateDir, () => makeFolder(stateDir));
  const lock = await inStateFolder(stateDir, async () => tryLockFolder(stateDir));
  if (lock === undefined) {
    throw new UserError(`another runner is using the state folder ${stateDir}`, {
      remedy: 'Stop it first, or give this one a folder of its own with --state-dir.',
    });
  }
  try {
    const known = await readInstanceId(stateDir);
    const id = known ?? (await inStateFolder(stateDir, () => replaceId(stateDir, logger)));
    return { id, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * Does what the runner can't start without and what can fail for want of space or permission, say.
 * @throws UserError where it does
 */
export async function inStateFolder<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof UserError) throw error;
    throw new UserError(`${stateDir} cannot be used as the state folder`, {
      remedy: stateFolderRemedy(error),
      cause: error,
    });
  }
}

/**
 * The ID of the runner whose state folder this is, running or not; undefined when none ever ran with it, or it is damaged.
 * @throws UserError when it can't be read
 */
export async function readInstanceId(stateDir: string): Promise<string | undefined> {
  const path = join(stateDir, idFile);
  try {
    const id = (await readFileIfExists(path))?.trim();
    return id !== undefined && isUuid(id) ? id : undefined;
  } catch (error) {
    throw new UserError(`the runner’s own ID in ${path} cannot be read`, {
      remedy:
        'Make it readable, or remove it; then the runner takes a new ID, and what carries the old one is nobody’s.',
      cause: error,
    });
  }
}

async function replaceId(stateDir: string, logger: Logger): Promise<string> {
  const path = join(stateDir, idFile);
  const isDamaged = await exists(path);
  const id = randomUUID();
  await writeDurably(path, `${id}\n`);
  if (isDamaged)
    logger.warn(
      'the runner’s own ID was damaged and is replaced: containers and images that carry the old one are nobody’s now, and are to be removed by hand',
      {
        file: path,
        instanceID: id,
      },
    );
  return id;
}
