/** Builds a container image of the sample agent. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
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
  if (process.platform === 'linux') await importSampleImage(options);
  else await buildImage(options);
}

async function importSampleImage({ engine, name, agent, folder, env }: ImageOptions): Promise<void> {
  const root = join(folder, 'root');
  await copyProgram(process.execPath, root, '/usr/bin/node');
  await mkdir(join(root, 'tmp'), { mode: 0o1777 });
  await copyWrapper(agent, root);
  await importImage(root, { engine, name, env });
  await rm(root, { recursive: true });
}

/** Copies a program and the libraries that it needs, in a folder that becomes the root of an image. */
export async function copyProgram(program: string, root: string, target = program): Promise<void> {
  for (const file of [program, ...(await sharedLibraries(program))]) {
    const copy = join(root, file === program ? target : file);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(file, copy);
  }
}

/** Copies a bundled agent to its place in an image. */
export async function copyWrapper(agent: string, root: string): Promise<void> {
  // There is no env(1) in the image.
  const script = (await readFile(agent, 'utf8')).replace(/^#!.*/, '#!/usr/bin/node');
  await writeFile(join(root, 'usr/bin/agent-wrapper'), script, { mode: 0o755 });
}

/** Makes an image of a folder. `changes` are instructions of a Dockerfile, such as `USER 1000`. */
export async function importImage(
  root: string,
  { engine, name, env, changes = [] }: Pick<ImageOptions, 'engine' | 'name' | 'env'> & { changes?: readonly string[] },
): Promise<void> {
  const tar = spawn('tar', ['--create', '--directory', root, '--owner=0', '--group=0', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const options = changes.flatMap((change) => ['--change', change]);
  const child = spawn(engine, ['import', ...options, '-', name], { env, stdio: ['pipe', 'ignore', 'pipe'] });
  const [errors, [exitCode]] = await Promise.all([
    text(child.stderr),
    once(child, 'close'),
    // If the engine rejects the image, its own error says why.
    pipeline(tar.stdout, child.stdin).catch(() => tar.kill()),
  ]);
  if (exitCode !== 0) throw new Error(`cannot make the image ${name}: ${errors.trim()}`);
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
