import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { errorCode } from './errors.ts';

/** What is in a folder, a few entries at a time; nothing where there is no such folder. */
export async function* listFolder(path: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
