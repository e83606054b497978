/** The image of the runner, which is that of the gateways of its jobs too. */
import { join } from 'node:path';
import { buildInfo } from '../../../scripts/build/version.ts';
import { buildExecutable } from '../../../scripts/package/executable.ts';
import { buildImage } from '../../../scripts/package/image/image.ts';
import { buildTree } from '../../../scripts/package/tree.ts';
import { makeTempDir } from '../temp-dir.ts';
import type { Cluster } from './cluster.ts';

const root = join(import.meta.dirname, '../../..');

/** The commands that building it needs. */
export const imageCommands = ['patchelf', 'strip'] as const;

/** Builds the image and imports it into the cluster. Returns its name. */
export async function loadRunnerImage(cluster: Cluster): Promise<{ repository: string; tag: string }> {
  await using dir = await makeTempDir();
  const info = await buildInfo(root);
  const executable = await buildExecutable(join(dir.path, 'executable'));
  const tree = join(dir.path, 'tree');
  await buildTree(tree, executable, { withLibraries: true });
  const options = { executable: executable.path, staging: join(dir.path, 'image'), output: dir.path, info };
  await cluster.load(await buildImage(tree, options));
  return { repository: 'localhost/plan42-runner', tag: info.version };
}
