import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requireCommands, run } from './processes.ts';
import { pushImage } from './push-image.ts';

/** References of the test images in the private registry. */
export interface TestImages {
  /** `/usr/bin/agent-wrapper` runs the `@@commands@@` found in the request. */
  agent: string;
  /** The same without `/usr/bin/agent-wrapper`. */
  noEntrypoint: string;
}

/** Makes the test images from the machine's own static busybox and pushes them. */
export async function pushTestImages(options: {
  dir: string;
  registry: string;
  signal: AbortSignal;
}): Promise<TestImages> {
  const { dir, registry, signal } = options;
  await requireCommands('busybox', 'tar');
  const [busybox, wrapper] = await Promise.all([busyboxLayer(dir), wrapperLayer(dir)]);
  const push = (name: string, layers: Buffer[]) =>
    pushImage({ registry, repository: `test/${name}`, tag: 'v1', layers, signal });
  const [agent, noEntrypoint] = await Promise.all([
    push('agent', [busybox, wrapper]),
    push('no-entrypoint', [busybox]),
  ]);
  return { agent, noEntrypoint };
}

export async function busyboxLayer(dir: string): Promise<Buffer> {
  const root = join(dir, 'images', 'busybox');
  const bin = join(root, 'bin');
  await Promise.all(
    ['bin', 'etc', 'root', 'tmp', 'usr/bin'].map((name) => mkdir(join(root, name), { recursive: true })),
  );
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile((await run('sh', ['-c', 'command -v busybox'])).trim(), join(bin, 'busybox'));
  if (await isDynamic(join(bin, 'busybox'))) throw new Error('busybox is not the static one of busybox-static');
  const applets = (await run('busybox', ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox');
  await Promise.all(applets.map((name) => symlink('busybox', join(bin, name))));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/tmp:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nagent:x:1000:\n');
  return tar(root);
}

/** A dynamic busybox would not run in an image that has no libraries. */
async function isDynamic(program: string): Promise<boolean> {
  return run('ldd', [program]).then(
    () => true,
    () => false,
  );
}

export async function wrapperLayer(dir: string): Promise<Buffer> {
  const root = join(dir, 'images', 'wrapper');
  const wrapper = join(root, 'usr/bin/agent-wrapper');
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await copyFile(new URL('agent-wrapper.sh', import.meta.url), wrapper);
  await chmod(wrapper, 0o755);
  return tar(root);
}

/** A layer of programs of this machine, with the libraries that they need. */
export async function programLayer(dir: string, programs: readonly string[]): Promise<Buffer> {
  const root = join(dir, 'images', 'programs');
  for (const program of programs) {
    const libraries = (await isDynamic(program)) ? await run('ldd', [program]) : '';
    // Lines such as "libm.so.6 => /lib/…/libm.so.6 (0x…)", and the loader itself.
    const files = [program, ...[...libraries.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)];
    for (const file of files) {
      await mkdir(join(root, dirname(file)), { recursive: true });
      await copyFile(file, join(root, file));
    }
  }
  // A checkout in /tmp has its Node.js there, and the layer would close the folder to users.
  if (existsSync(join(root, 'tmp'))) await chmod(join(root, 'tmp'), 0o1777);
  return tar(root);
}

interface FolderOptions {
  from: string;
  to: string;
  links?: Readonly<Record<string, string>>;
  filter?: (path: string) => boolean;
}

/** A layer with a copy of a folder of this machine, and links. */
export async function folderLayer(
  dir: string,
  { from, to, links = {}, filter = () => true }: FolderOptions,
): Promise<Buffer> {
  const root = join(dir, 'images', 'folder');
  await mkdir(dirname(join(root, to)), { recursive: true });
  await cp(from, join(root, to), { recursive: true, filter });
  for (const [link, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, link)), { recursive: true });
    await symlink(target, join(root, link));
  }
  return tar(root);
}

/** Owners, times and order are fixed, so that equal content has an equal digest. */
export async function tar(root: string): Promise<Buffer> {
  const file = `${root}.tar`;
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  await run('tar', ['--create', '--file', file, '--directory', root, ...fixed, '.']);
  return readFile(file);
}
