/** The image that agents are built on by default, made of the programs of this machine. */
import { existsSync } from 'node:fs';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defaultBase } from '../../src/cli/agents/dockerfile.ts';
import { busyboxLayer, folderLayer, programLayer } from './engines/images.ts';
import { type Env, run } from './engines/processes.ts';
import { pushImage } from './engines/push-image.ts';
import { makeTempDir } from './temp-dir.ts';

let layers: Promise<Buffer[]> | undefined;

/** Shells, Node.js with npm, and git with the part that speaks HTTP. */
async function makeLayers(): Promise<Buffer[]> {
  await using dir = await makeTempDir();
  const commandPath = async (name: string) => (await run('sh', ['-c', `command -v ${name}`])).trim();
  const execPath = (await run('git', ['--exec-path'])).trim();
  const programs = [
    process.execPath,
    await commandPath('git'),
    `${execPath}/git-remote-http`,
    '/usr/bin/env',
    await commandPath('bash'),
    ...(await systemLibraries(['librt.so.1'])),
  ];
  const npm = {
    from: join(await realpath(await commandPath('npm')), '../..'),
    to: '/usr/local/lib/node_modules/npm',
    links: { '/usr/local/bin/npm': '../lib/node_modules/npm/bin/npm-cli.js' },
  };
  return await Promise.all([busyboxLayer(dir.path), programLayer(dir.path, programs), folderLayer(dir.path, npm)]);
}

/** Libraries that belong to glibc, and so are in every image that programs built for it run in. */
async function systemLibraries(names: readonly string[]): Promise<string[]> {
  const [, libc = ''] = /=> (\/\S+\/libc\.so\S*) /.exec(await run('ldd', [process.execPath])) ?? [];
  return names.map((name) => join(dirname(libc), name)).filter((file) => existsSync(file));
}

async function nameLayer(text: string): Promise<Buffer> {
  await using dir = await makeTempDir();
  const from = join(dir.path, 'from');
  await mkdir(from);
  await writeFile(join(from, 'name'), text);
  return await folderLayer(dir.path, { from, to: '/etc/base', links: {} });
}

/** Pushes an image with Node.js, npm and git, and returns its name. */
export async function pushAgentBase(
  registry: string,
  { repository, env }: { repository: string; env: readonly string[] },
): Promise<string> {
  layers ??= makeLayers();
  // Podman takes a cached step for another base if its layers are the same, whatever the variables are.
  const own = await nameLayer([repository, ...env].join('\n'));
  return await pushImage({
    ...{ registry, repository, tag: 'v1', layers: [...(await layers), own] },
    env: [`PATH=${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`, ...env],
    signal: AbortSignal.timeout(60_000),
  });
}

/** Gives an engine the image that agents are built on by default, with a registry of npm. */
export async function provideBase(
  name: 'docker' | 'podman',
  env: Env,
  { registry, npm }: { registry: string; npm: string },
): Promise<string> {
  const base = await pushAgentBase(registry, {
    repository: `test/run-base-${name}`,
    env: [`NPM_CONFIG_REGISTRY=${npm}`],
  });
  await run(name, ['pull', '--quiet', base], { env });
  await run(name, ['tag', base, defaultBase], { env });
  return base;
}

/** Returns an address of this machine that builds of both engines reach. */
export async function builderGateway(env: Env): Promise<string> {
  const format = ['--format', '{{(index .IPAM.Config 0).Gateway}}'];
  return (await run('docker', ['network', 'inspect', 'bridge', ...format], { env })).trim();
}
