/** Bundles the executables into dist/, and writes their launchers into bin/. */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const commands = ['plan42', 'plan42-runner'];

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

await rm(join(root, 'dist/js'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    ...Object.fromEntries(commands.map((name) => [name, `src/bin/${name}.ts`])),
    'sample-agent': 'examples/sample-agent/agent.ts',
  },
  outdir: 'dist/js',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Commands load their code when they are called, so that `--help` stays quick.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node26',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  define: { PLAN42_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages (undici) still call `require` for Node.js's own modules.
  banner: { js: "import { createRequire as nodeCreateRequire } from 'node:module'; const require = nodeCreateRequire(import.meta.url);" },
  logLevel: 'warning',
});

await mkdir(join(root, 'bin'), { recursive: true });
const launcher = await readFile(join(root, 'scripts/launcher.sh'), 'utf8');
for (const name of commands) {
  const path = join(root, 'bin', name);
  await writeFile(path, launcher.replaceAll('@COMMAND@', name));
  await chmod(path, 0o755);
}
