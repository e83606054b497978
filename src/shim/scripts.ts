/** The shell scripts of a shim. A bundle contains their texts, see `scripts/build/shim-scripts.ts`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');

export const shimScript = read('shim.sh');
export const logWriterScript = read('log-writer.sh');
export const companionScript = read('companion.sh');
