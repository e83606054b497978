/** The program `init`, compiled from `init/`. A bundle contains it, see `scripts/build/wall.ts`. */
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { readBytes } from '../lib/read-file.ts';

/** Undefined if it was not built for machines of this architecture. */
export async function readInitProgram(architecture: string): Promise<Uint8Array | undefined> {
  try {
    return await readBytes(join(import.meta.dirname, '../../dist/wall', `init-${architecture}`));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
