/** Bundles the executables into dist/, and writes their launchers into bin/. */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const commands = ['plan42', 'plan42-runner'];

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

await rm(join(root, 'dist/js'), { recursive: true, force: true });
const common: BuildOptions = {
  absWorkingDir: root,
  outdir: 'dist/js',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  legalComments: 'none',
  logLevel: 'warning',
};

await build({
  ...common,
  entryPoints: Object.fromEntries(commands.map((name) => [name, `src/bin/${name}.ts`])),
  // Commands load their code when they are called, so that `--help` stays quick.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: 'linked',
  sourcesContent: false,
  define: { PLAN42_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages (undici) still call `require` for Node.js's own modules.
  banner: {
    js: "import { createRequire as nodeCreateRequire } from 'node:module'; const require = nodeCreateRequire(import.meta.url);",
  },
});

// One file by itself, since it is copied into images.
await build({ ...common, entryPoints: { 'sample-agent': 'examples/sample-agent/agent.ts' } });

await mkdir(join(root, 'bin'), { recursive: true });
const launcher = await readFile(join(root, 'scripts/launcher.sh'), 'utf8');
for (const name of commands) {
  const path = join(root, 'bin', name);
  await writeFile(path, launcher.replaceAll('@COMMAND@', name));
  await chmod(path, 0o755);
}
