/**
 * The programs in the single executable. Each is an asset, with V8's code cache as another one, so that a start reads nothing
 * of the other programs: see `src/bin/plan42-single.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { codeCacheFlags } from '../build/node-flags.ts';
import { run } from './run.ts';

const entryPoints = {
  plan42: 'src/bin/plan42.ts',
  'plan42-runner': 'src/bin/plan42-runner.ts',
  'plan42-runner-config': 'src/bin/plan42-runner-config.ts',
  'plan42-gateway': 'src/bin/plan42-gateway.ts',
  'plan42-warden': 'src/bin/plan42-warden.ts',
  'plan42-agent': 'src/bin/plan42-agent.ts',
  'plan42-sample-agent': 'examples/sample-agent/agent.ts',
};

/** Writes the programs to `folder`, and returns the names of the files. */
export async function buildPrograms(folder: string, options: BuildOptions, collect: Plugin): Promise<string[]> {
  const { banner: _, plugins = [], ...others } = options;
  const { metafile } = await build({
    ...others,
    metafile: true,
    entryPoints,
    outdir: folder,
    outExtension: { '.js': '.js' },
    plugins: [...plugins, collect],
    define: { ...options.define, 'import.meta': 'importMeta' },
  });
  // A function cannot have any. A missing package that is required is one that its caller does without.
  for (const [path, { imports, exports }] of Object.entries(metafile.outputs))
    if (exports.length > 0 || imports.some(({ kind }) => kind !== 'require-call'))
      throw new Error(`${path} imports or exports something`);
  const files = Object.keys(entryPoints).map((name) => `${name}.js`);
  for (const file of files) {
    const path = join(folder, file);
    await writeFile(path, asFunction(withoutModuleNames(await readFile(path, 'utf8')).replace(/^#!.*/, ''), file));
  }
  await writeCodeCaches(folder, files);
  return files.flatMap((file) => [file, `${file}.cache`]);
}

/** Writes `FILE.cache` for each file in the folder, with a process of its own, which has the flags of the executable. */
export async function writeCodeCaches(folder: string, files: readonly string[]): Promise<void> {
  await run(process.execPath, [...codeCacheFlags, join(import.meta.dirname, 'code-cache.ts'), ...files], {
    cwd: folder,
  });
}

/** An expression for a function that runs the module: it can wait, as modules can, and has a code cache, as scripts have. */
function asFunction(module: string, file: string): string {
  // One byte for each character, also in memory.
  if (/[^\0-\x7f]/.test(module)) throw new Error(`${file} is not ASCII`);
  return `(async function (importMeta) {"use strict";${module}\n})`;
}

const moduleName = /(?<=\b(?:__esm|__commonJS)\(\{(?:async)?)"[^"]+"(?=\()/g;

/**
 * Removes the source path of each module from a bundle of esbuild. Only profilers use it. `minifyIdentifiers` removes it
 * too, but also the names of classes.
 */
export function withoutModuleNames(bundle: string): string {
  return bundle.replaceAll(moduleName, '""');
}
