/** Puts the shim's shell scripts into a bundle, where there are no files beside the code. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

const folder = join(import.meta.dirname, '../../src/shim');
const scripts = { shimScript: 'shim.sh', logWriterScript: 'log-writer.sh', companionScript: 'companion.sh' };

export const shimScriptsInside: Plugin = {
  name: 'shim-scripts-inside',
  setup: (bundle) =>
    bundle.onLoad({ filter: /[\\/]shim[\\/]scripts\.ts$/ }, async () => {
      const constants = Object.entries(scripts).map(async ([name, file]) => {
        const text = await readFile(join(folder, file), 'utf8');
        return `export const ${name} = ${JSON.stringify(text)};\n`;
      });
      return { contents: (await Promise.all(constants)).join(''), loader: 'js' };
    }),
};
