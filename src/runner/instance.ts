import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../lib/durable-file.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { tryLockFolder } from '../lib/lock.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { isUuid } from '../lib/uuid.ts';

/** This runner, as distinct from others on the same machine: what it creates carries its ID. */
export interface Instance extends Disposable {
  id: string;
}

/**
 * Takes the state folder for this process and reads its instance ID, or makes one.
 * @throws UserError when another runner uses the folder
 */
export async function openInstance(stateDir: string): Promise<Instance> {
  try {
    await makeFolder(stateDir);
  } catch (error) {
    throw new UserError(`${stateDir} cannot be used as the state folder`, {
      remedy: 'Choose another one with --state-dir.',
      cause: error,
    });
  }
  const lock = tryLockFolder(stateDir);
  if (lock === undefined) {
    throw new UserError(`another runner is using the state folder ${stateDir}`, {
      remedy: 'Stop it first, or give this one a folder of its own with --state-dir.',
    });
  }
  try {
    return { id: await readOrCreateId(join(stateDir, 'instance-id')), [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

async function readOrCreateId(path: string): Promise<string> {
  try {
    const id = (await readFile(path, 'utf8')).trim();
    if (isUuid(id)) return id;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const id = randomUUID();
  await writeDurably(path, `${id}\n`);
  return id;
}
