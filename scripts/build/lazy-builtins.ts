import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Loads Node.js modules when the code that imports them runs. As static imports of one bundle, all of them would load at
 * every start, which takes longer than the rest of a short command.
 */
export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup(build) {
    const names = builtinModules.map((name) => name.replace(/^node:/, '')).join('|');
    build.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path }) => ({
      path: path.replace(/^(node:)?/, 'node:'),
      namespace: 'builtin',
      sideEffects: false,
    }));
    build.onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
