/** Bundles the executables into dist/ and writes their launchers to bin/. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import {
  agentOptions,
  commands,
  executableOptions,
  gatewayOptions,
  readLauncher,
  root,
  wardenOptions,
} from './build/bundle.ts';

await rm(join(root, 'dist/js'), { recursive: true, force: true });
await build({
  ...(await executableOptions()),
  outdir: 'dist/js',
  entryPoints: Object.fromEntries(commands.map((name) => [name, `src/bin/${name}.ts`])),
  // Commands load their code when they are called, so that `--help` stays fast.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: 'linked',
  sourcesContent: false,
});

await Promise.all(
  [agentOptions, gatewayOptions, wardenOptions].map((options) => build({ ...options, outdir: 'dist/js' })),
);

await mkdir(join(root, 'bin'), { recursive: true });
for (const name of commands) {
  const path = join(root, 'bin', name);
  await writeFile(path, await readLauncher(name));
  await chmod(path, 0o755);
}
