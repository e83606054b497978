import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../../lib/errors.ts';

/** `path` itself when it exists, or else the nearest folder above it that does. */
export async function existingParent(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const above = dirname(path);
    // Below a file that is in the way nothing can be made.
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '') || above === path) throw error;
    return existingParent(above);
  }
}
