/** The bundled agent, which becomes `/usr/bin/agent-wrapper` of images. */

import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { errorCode, UserError } from '../../lib/errors.ts';
import { readText } from '../../lib/read-file.ts';

const name = 'plan42-agent.mjs';
// Relative to a chunk, to an executable's bundle, and to the sources.
const places = ['..', '.', '../../../dist/js'];

/** @throws UserError if it was not built */
export async function readAgentBundle(): Promise<string> {
  // The asset of a packaged executable.
  if (isSea()) return getAsset(name, 'utf8');
  for (const place of places) {
    try {
      return await readText(join(import.meta.dirname, place, name));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  throw new UserError(`cannot find ${name}`, { remedy: 'Run "make build", or install Plan42 again.' });
}
