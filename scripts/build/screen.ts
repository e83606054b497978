/** What a bundle needs so that the configuration screen starts quickly. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

// The layout engine looks whether there is a `fetch`, for a case that we don't have (it brings its own code along), and
// just looking makes Node.js load its HTTP client: a sixth of the time to the first frame.
const withoutFetch: Plugin = {
  name: 'without-fetch',
  setup: (bundle) =>
    bundle.onLoad({ filter: /yoga-wasm-base64-esm\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll('typeof fetch', 'typeof undefined'),
    })),
};

export const screenOptions = {
  define: {
    // In development React checks its callers, at twice the size and time.
    'process.env.NODE_ENV': '"production"',
    // Ink would connect to a debugger.
    'process.env.DEV': '"false"',
  },
  alias: { 'react-devtools-core': join(import.meta.dirname, 'no-devtools.ts') },
  plugins: [withoutFetch],
} satisfies BuildOptions;
