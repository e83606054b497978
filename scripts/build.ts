/** Bundles the executables into dist/ and writes their launchers to bin/. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import {
  agentOptions,
  buildExecutables,
  commands,
  executableOptions,
  gatewayOptions,
  readLauncher,
  root,
  wardenOptions,
} from './build/bundle.ts';

await rm(join(root, 'dist/js'), { recursive: true, force: true });
await buildExecutables('dist/js', {
  ...(await executableOptions()),
  // Read when a stack trace is shown: see src/bin/source-positions.ts.
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
