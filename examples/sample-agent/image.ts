/** Builds a container image of the sample agent. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ImageOptions {
  engine: 'docker' | 'podman';
  /** The image's name. */
  name: string;
  /** The bundled agent, `dist/js/plan42-sample-agent.mjs`. */
  agent: string;
  /** An empty folder to work in. */
  folder: string;
  env: NodeJS.ProcessEnv;
}

/**
 * On Linux, the image contains this machine's Node.js and its libraries, so it needs no download. On other systems, whose
 * Node.js does not run in a container, it is based on the official image of Node.js.
 */
export async function makeSampleImage(options: ImageOptions): Promise<void> {
  if (process.platform === 'linux') await importImage(options);
  else await buildImage(options);
}

async function importImage({ engine, name, agent, folder, env }: ImageOptions): Promise<void> {
  const root = join(folder, 'root');
  for (const file of [process.execPath, ...(await sharedLibraries(process.execPath))]) {
    const target = join(root, file === process.execPath ? '/usr/bin/node' : file);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(file, target);
  }
  await mkdir(join(root, 'tmp'), { mode: 0o1777 });
  const wrapper = join(root, 'usr/bin/agent-wrapper');
  // There is no env(1) in the image.
  const script = (await readFile(agent, 'utf8')).replace(/^#!.*/, '#!/usr/bin/node');
  await writeFile(wrapper, script, { mode: 0o755 });
  const archive = join(folder, 'image.tar');
  await run('tar', ['--create', '--file', archive, '--directory', root, '--owner=0', '--group=0', '.']);
  await rm(root, { recursive: true });
  await run(engine, ['import', archive, name], { env });
  await rm(archive);
}

// Lines of ldd: "libm.so.6 => /lib/…/libm.so.6 (0x…)", and the loader itself: "/lib64/ld-linux-x86-64.so.2 (0x…)".
async function sharedLibraries(executable: string): Promise<string[]> {
  const { stdout } = await run('ldd', [executable]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path);
}

async function buildImage({ engine, name, agent, folder, env }: ImageOptions): Promise<void> {
  await copyFile(agent, join(folder, 'agent-wrapper'));
  const recipe = 'FROM docker.io/library/node:26-slim\nCOPY --chmod=755 agent-wrapper /usr/bin/agent-wrapper\n';
  await writeFile(join(folder, 'Dockerfile'), recipe);
  await run(engine, ['build', '--tag', name, folder], { env });
}
