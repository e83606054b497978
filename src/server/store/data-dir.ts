import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files.ts';

const databaseName = 'plan42.db';

/**
 * Creates the data directory if needed, makes it private, and returns the path of its database.
 * @throws UserError for a directory with other content, whose mode must not be changed
 */
export async function prepareDataDir(path: string): Promise<string> {
  const names = await listOrCreate(path);
  if (names.length > 0 && !names.includes(databaseName)) {
    throw new UserError(`cannot use the data directory ${path}: it holds files of something else`, {
      remedy: 'Choose an empty directory with --data.',
    });
  }
  await chmod(path, 0o700);
  return join(path, databaseName);
}

async function listOrCreate(path: string): Promise<string[]> {
  try {
    await makeFolder(path);
    return await readdir(path);
  } catch (error) {
    throw new UserError(`cannot use the data directory ${path}`, {
      remedy: 'Choose another one with --data.',
      cause: error,
    });
  }
}
