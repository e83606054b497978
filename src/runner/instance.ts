import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../lib/durable-file.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { tryLockFolder } from '../lib/lock.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { isUuid } from '../lib/uuid.ts';

const idFile = 'instance-id';

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
    const id = (await readInstanceId(stateDir)) ?? (await createId(stateDir));
    return { id, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** The ID of the runner whose state folder this is, running or not; undefined when none ever ran with it. */
export async function readInstanceId(stateDir: string): Promise<string | undefined> {
  try {
    const id = (await readFile(join(stateDir, idFile), 'utf8')).trim();
    return isUuid(id) ? id : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function createId(stateDir: string): Promise<string> {
  const id = randomUUID();
  await writeDurably(join(stateDir, idFile), `${id}\n`);
  return id;
}
