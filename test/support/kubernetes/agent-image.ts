/** The image of the test agent for clusters, which get images as archives. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../engines/processes.ts';
import { makeTempDir } from '../temp-dir.ts';
import type { Cluster } from './cluster.ts';

const commands =
  'sh cat sleep echo seq mktemp awk sed printf grep head ls wc id true false kill date dd env nc timeout tftp'.split(
    ' ',
  );

/** No registry has it: nodes use it only if they have it already. */
export const agentImage = 'localhost/plan42/test-agent:1';
/** The same agent program, without a shell or any other program. */
export const bareImage = 'localhost/plan42/bare:1';

/** The image of a gateway that prints a reason and exits, each time. */
export const brokenGatewayImage = 'localhost/plan42/broken-gateway:1';
/** A secret in its reason. */
export const brokenGatewaySecret = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';

const imports = new WeakMap<Cluster, Promise<void>>();

/** Imports the images into the cluster, once. In the bare one, `/bin/busybox` is the only file. */
export function loadAgentImages(cluster: Cluster): Promise<void> {
  const done = imports.get(cluster) ?? importAgentImages(cluster);
  imports.set(cluster, done);
  return done;
}

async function importAgentImages(cluster: Cluster): Promise<void> {
  await using dir = await makeTempDir();
  const busybox = (await run('sh', ['-c', 'command -v busybox'])).trim();
  for (const [image, isBare] of [
    [agentImage, false],
    [bareImage, true],
    [brokenGatewayImage, false],
  ] as const) {
    const folder = join(dir.path, image.replaceAll('/', '-'));
    await mkdir(join(folder, 'root/bin'), { recursive: true });
    await copyFile(busybox, join(folder, 'root/bin/busybox'));
    if (!isBare) {
      for (const command of commands) await symlink('busybox', join(folder, 'root/bin', command));
      await mkdir(join(folder, 'root/usr/bin'), { recursive: true });
      await mkdir(join(folder, 'root/tmp'));
      const wrapper = new URL('../engines/agent-wrapper.sh', import.meta.url);
      await writeFile(join(folder, 'root/usr/bin/agent-wrapper'), await readFile(wrapper), { mode: 0o755 });
      const crash = `#!/bin/sh\necho 'no policy for ${brokenGatewaySecret}' >&2\nexit 7\n`;
      await writeFile(join(folder, 'root/usr/bin/plan42-gateway'), crash, { mode: 0o755 });
    }
    await cluster.load(await pack(folder, image));
  }
}

/** Returns the path of an archive as `docker save` writes it. */
async function pack(folder: string, image: string): Promise<string> {
  const layer = join(folder, 'layer.tar');
  await run('tar', ['-C', join(folder, 'root'), '--owner=0', '--group=0', '-cf', layer, '.']);
  const digest = createHash('sha256')
    .update(await readFile(layer))
    .digest('hex');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const rootfs = { type: 'layers', diff_ids: [`sha256:${digest}`] };
  const config = { architecture, os: 'linux', config: { Env: ['PATH=/bin:/usr/bin'] }, rootfs };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [image], Layers: ['layer.tar'] }];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'image.tar');
  await run('tar', ['-C', folder, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  return archive;
}
