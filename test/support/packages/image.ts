/**
 * An image with the package managers of this machine, configured as little as those of a distribution: npm, pip, apt, go, git
 * and curl. It is made of files that are there, which takes seconds; one of Debian's packages would take a minute.
 */
import { cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { busyboxLayer, folderLayer, programLayer, tar, wrapperLayer } from '../engines/images.ts';
import { run } from '../engines/processes.ts';
import { pushImage } from '../engines/push-image.ts';

const goRoot = async () => (await run('go', ['env', 'GOROOT'])).trim();
const commandPath = async (name: string) => (await run('sh', ['-c', `command -v ${name}`])).trim();

/** @param folder where the layers are made */
export async function pushPackageManagers(registry: string, folder: string, signal: AbortSignal): Promise<string> {
  const layers = await Promise.all([
    busyboxLayer(folder),
    wrapperLayer(folder),
    programs(folder),
    go(folder),
    npm(join(folder, 'npm')),
    python(join(folder, 'python')),
    configuration(folder),
  ]);
  const path = [dirname(process.execPath), join(await goRoot(), 'bin'), '/usr/local/bin:/usr/bin:/sbin:/bin'];
  const env = [`PATH=${path.join(':')}`, 'HOME=/root'];
  return await pushImage({ registry, repository: 'test/packages', tag: 'v1', layers, env, signal });
}

async function programs(folder: string): Promise<Buffer> {
  const gitPath = (await run('git', ['--exec-path'])).trim();
  const named = [
    'git',
    'git-lfs',
    'curl',
    'apt-get',
    'dpkg',
    'dpkg-deb',
    'dpkg-split',
    'dpkg-query',
    'tar',
    'rm',
    'env',
  ];
  return await programLayer(folder, [
    ...[process.execPath, '/usr/bin/python3', join(await goRoot(), 'bin/go')],
    ...['git-remote-http', 'git-remote-https'].map((name) => join(gitPath, name)),
    ...['http', 'https', 'store', 'gpgv'].map((name) => `/usr/lib/apt/methods/${name}`),
    ...(await Promise.all(named.map((name) => commandPath(name)))),
    // For the libraries that they need.
    ...(await run('sh', ['-c', 'ls /usr/lib/python3.*/lib-dynload/*.so'])).trim().split('\n'),
  ]);
}

/** The command alone: it downloads modules without the compiler. */
async function go(folder: string): Promise<Buffer> {
  const root = join(folder, 'images/go');
  const from = await goRoot();
  for (const name of ['pkg/tool', 'src']) await mkdir(join(root, from, name), { recursive: true });
  for (const name of ['VERSION', 'go.env'])
    await cp(join(from, name), join(root, from, name), { dereference: true }).catch(() => {});
  return await tar(root);
}

async function npm(folder: string): Promise<Buffer> {
  return await folderLayer(folder, {
    from: join(await realpath(await commandPath('npm')), '../..'),
    to: '/usr/local/lib/node_modules/npm',
    links: { '/usr/local/bin/npm': '../lib/node_modules/npm/bin/npm-cli.js' },
  });
}

async function python(folder: string): Promise<Buffer> {
  const [from = ''] = (await run('sh', ['-c', 'echo /usr/lib/python3.*'])).trim().split(/\s+/);
  // Debian keeps pip beside other packages, and forbids it to install any.
  const unused = /EXTERNALLY-MANAGED|\/config-|\/test$|\/idlelib$/;
  const root = join(folder, 'images/folder');
  await folderLayer(folder, { from, to: from, filter: (path) => !unused.test(path) });
  await cp('/usr/lib/python3/dist-packages/pip', join(root, from, 'pip'), { recursive: true });
  return await tar(root);
}

/** The files that Debian’s packages bring along. */
async function configuration(folder: string): Promise<Buffer> {
  const root = join(folder, 'images/configuration');
  const folders = [
    ...['etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'etc/apt/trusted.gpg.d', 'etc/dpkg/dpkg.cfg.d', 'sbin'],
    ...['var/lib/apt/lists/partial', 'var/cache/apt/archives/partial', 'var/lib/dpkg/info', 'var/lib/dpkg/updates'],
    ...['var/lib/dpkg/triggers', 'var/log/apt', 'usr/share/dpkg'],
  ];
  for (const name of folders) await mkdir(join(root, name), { recursive: true });
  for (const name of ['status', 'available']) await writeFile(join(root, 'var/lib/dpkg', name), '');
  const files = {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n',
    'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
    // The key of the real one is not ours.
    'etc/apt/sources.list': 'deb [trusted=yes] http://deb.debian.org/debian stable main\n',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content);
  for (const name of ['cputable', 'tupletable'])
    await cp(`/usr/share/dpkg/${name}`, join(root, 'usr/share/dpkg', name));
  await symlink('/bin/true', join(root, 'sbin/ldconfig'));
  return await tar(root);
}
