import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files.ts';

const databaseName = 'plan42.db';

/**
 * Makes sure that the data directory exists and that nobody else can read it. Returns the path of its database.
 * @throws UserError for a directory that holds something else, since its mode is not ours to change.
 */
export async function prepareDataDir(path: string): Promise<string> {
  const names = await listOrMake(path);
  if (names.length > 0 && !names.includes(databaseName)) {
    throw new UserError(`${path} is not empty, and not the data directory of a server`, {
      remedy: 'Choose a directory of its own with --data.',
    });
  }
  await chmod(path, 0o700);
  return join(path, databaseName);
}

async function listOrMake(path: string): Promise<string[]> {
  try {
    await makeFolder(path);
    return await readdir(path);
  } catch (error) {
    throw new UserError(`${path} cannot be used as the data directory`, {
      remedy: 'Choose another one with --data.',
      cause: error,
    });
  }
}
