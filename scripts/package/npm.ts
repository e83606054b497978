/** Builds the npm package: the bundle, for an installed Node.js. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import {
  agentOptions,
  buildExecutables,
  commands,
  executableOptions,
  gatewayOptions,
  root,
  wardenOptions,
} from '../build/bundle.ts';
import type { BuildInfo } from '../build/version.ts';
import { makeReadable } from './modes.ts';
import { run } from './run.ts';

const minimalNode = 26;

/** Writes `plan42-cli-VERSION.tgz` to `output` and returns its path. */
export async function buildNpmPackage({
  staging,
  output,
  info,
  notices,
}: {
  staging: string;
  output: string;
  info: BuildInfo;
  notices: string;
}): Promise<string> {
  const outdir = join(staging, 'js');
  await buildExecutables(outdir, await executableOptions({ everywhere: true }), {
    'plan42-sample-agent': 'examples/sample-agent/agent.ts',
  });
  const agent = { 'plan42-agent': 'src/bin/plan42-agent.ts' };
  for (const options of [{ ...agentOptions, entryPoints: agent }, gatewayOptions, wardenOptions])
    await build({ ...options, outdir });
  await mkdir(join(staging, 'bin'));
  for (const name of commands) {
    await writeFile(join(staging, 'bin', `${name}.cjs`), starter(name));
    await chmod(join(staging, 'bin', `${name}.cjs`), 0o755);
  }
  await copyFile(notices, join(staging, 'THIRD-PARTY-NOTICES.txt'));
  for (const name of ['LICENSE', 'README.md']) await copyFile(join(root, name), join(staging, name));
  await writeFile(join(staging, 'package.json'), `${JSON.stringify(manifest(info), undefined, 2)}\n`);
  await makeReadable(staging);
  const printed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', output], {
    cwd: staging,
  });
  const [{ filename }] = JSON.parse(printed) as [{ filename: string }];
  return join(output, filename);
}

function manifest({ version, repository }: BuildInfo) {
  return {
    name: 'plan42-cli',
    version,
    description: 'Plan42 remote runner: runs AI agent tasks on your own machines',
    license: 'Apache-2.0',
    type: 'module',
    engines: { node: `>=${minimalNode}` },
    ...(repository === '' ? {} : { repository: { type: 'git', url: `git+https://github.com/${repository}.git` } }),
    bin: Object.fromEntries(commands.map((name) => [name, `bin/${name}.cjs`])),
    files: ['bin', 'js', 'THIRD-PARTY-NOTICES.txt'],
  };
}

// Uses only syntax that an old Node.js can parse, so that it can report its version.
function starter(name: string): string {
  return `#!/usr/bin/env node
if (parseInt(process.versions.node, 10) < ${minimalNode}) {
  console.error('ERROR: ${name} needs Node.js ${minimalNode} or newer, not ' + process.versions.node + '. Run: npx -p node@${minimalNode} -p plan42-cli ${name}, or install a package that contains Node.js.');
  process.exit(1);
}
import('../js/${name}.mjs');
`;
}
