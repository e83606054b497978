/** The program `init` of pods, compiled from `pod-init/`. A bundle contains it, see `scripts/build/wall.ts`. */
import { join } from 'node:path';
import { errorCode } from '../lib/errors.ts';
import { readBytes } from '../lib/read-file.ts';

/** Undefined if it was not built for machines of this architecture, in Node.js' spelling. */
export async function readPodInitProgram(architecture: string): Promise<Uint8Array | undefined> {
  try {
    return await readBytes(join(import.meta.dirname, '../../dist/wall', `pod-init-${architecture}`));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
