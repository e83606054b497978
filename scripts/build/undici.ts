/**
 * Keeps what no source uses out of undici: its `fetch`, WebSockets, caches, mocks and second parser. They are three quarters of
 * it, and loading them takes longer than the rest of a start.
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Plugin } from 'esbuild';

// As undici's own index does it, but each call must have its dispatcher. A source that imports anything else fails to build.
const index = `
import Agent from './lib/dispatcher/agent.js';
import api from './lib/api/index.js';
import Dispatcher from './lib/dispatcher/dispatcher.js';
import { parseURL } from './lib/core/util.js';

Object.assign(Dispatcher.prototype, api);
export { Agent, Dispatcher };
export { default as buildConnector } from './lib/core/connect.js';
export { default as errors } from './lib/core/errors.js';
export { default as EnvHttpProxyAgent } from './lib/dispatcher/env-http-proxy-agent.js';
export { default as Pool } from './lib/dispatcher/pool.js';
export { default as ProxyAgent } from './lib/dispatcher/proxy-agent.js';

export function request(target, { dispatcher, ...options }) {
  const { origin, pathname, search } = parseURL(target);
  const method = options.method || (options.body ? 'PUT' : 'GET');
  return dispatcher.request({ ...options, origin, path: pathname + search, method });
}

// A part of the Kubernetes client that is never called names it.
export const fetch = (...args) => globalThis.fetch(...args);
`;

const withoutForms = `exports.extractBody = () => { throw new TypeError('a body cannot be a FormData') };`;

const replacements = [
  // False in the copy that Node.js contains: without the second parser.
  ['client-h1', "typeof esbuildDetection === 'undefined'", 'false'],
  // Loads HTTP/2, also that of Node.js, with the first connection that uses it. Bundles contain it, so it is always there.
  ['client', "connectH2 = require('./client-h2.js')", "connectH2 = (...args) => require('./client-h2.js')(...args)"],
] as const;

export const smallUndici: Plugin = {
  name: 'small-undici',
  setup: (bundle) => {
    bundle.onLoad({ filter: /[\\/]undici[\\/]index\.js$/ }, ({ path }) => ({
      contents: index,
      resolveDir: dirname(path),
    }));
    bundle.onLoad({ filter: /[\\/]undici[\\/]lib[\\/]web[\\/]fetch[\\/]body\.js$/ }, () => ({
      contents: withoutForms,
    }));
    for (const [file, text, replacement] of replacements)
      bundle.onLoad(
        { filter: new RegExp(`[\\\\/]undici[\\\\/]lib[\\\\/]dispatcher[\\\\/]${file}\\.js$`) },
        async ({ path }) => {
          const source = await readFile(path, 'utf8');
          if (!source.includes(text)) throw new Error(`${path} has no ${text}: see scripts/build/undici.ts`);
          return { contents: source.replaceAll(text, replacement) };
        },
      );
  },
};
