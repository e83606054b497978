import { access } from 'node:fs/promises';
import { errorCode } from './errors.ts';

/** Whether there is something at `path`. Rejects where that can't be told. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}
