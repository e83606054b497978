/** The program `log-copier`, compiled from `log-copier/`. A bundle contains it, see `scripts/build/wall.ts`. */
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { readBytes } from '../lib/read-file.ts';

/** Undefined if it was not built for machines of this architecture, and on other systems than Linux. */
export async function readLogCopier(architecture: string): Promise<Uint8Array | undefined> {
  try {
    return await readBytes(join(import.meta.dirname, '../../dist/wall', `log-copier-${architecture}`));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
