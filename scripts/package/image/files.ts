/** The files of the runner's image: the program, the C library that it needs, and what a program expects of a system. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { TarEntry } from '../../../src/lib/tar.ts';
import { checkScript, interpreterName } from '../../../src/runtimes/check/script.ts';
import { ownerOf } from '../native-libraries.ts';
import { run } from '../run.ts';

/** The user of the image. Clusters that demand one without privileges check its number. */
export const user = 65532;
export const stateFolder = '/var/lib/plan42';
export const configFile = '/etc/plan42/runner.toml';
export const home = '/home/plan42';
/** The agent of the containers that `doctor` starts. */
export const checkAgent = '/usr/libexec/plan42/check-agent';

// The name by which the program is called selects what it does. The image of the sample agent is the same one.
const links = [
  ...['plan42-runner', 'plan42-runner-config', 'plan42-agent', 'plan42-sample-agent', 'plan42-gateway'],
  interpreterName,
];

const accounts = [`root:x:0:0::/root:/nologin`, `plan42:x:${user}:${user}::${home}:/nologin`];

/** The files that change with the machine that builds, not with the program. */
export async function systemFiles(executable: string, tree: string): Promise<TarEntry[]> {
  const own = new Set(await readdir(join(tree, 'lib/plan42')));
  const libraries = (await linkedFiles(executable)).filter((path) => !own.has(basename(path)));
  const packages = new Map<string, string>();
  for (const path of libraries) packages.set((await ownerOf(await realpath(path))).name, '');
  const known = await Promise.all([...packages.keys()].map(describePackage));
  const text = (path: string, content: string): TarEntry => ({ path, mode: 0o644, content });
  return withFolders([
    ...(await Promise.all(libraries.map(libraryEntry))),
    ...known.flat(),
    text('/etc/os-release', await readFile('/etc/os-release', 'utf8')),
    text('/etc/passwd', `${accounts.join('\n')}\n`),
    text('/etc/group', `root:x:0:\nplan42:x:${user}:\n`),
    text('/etc/nsswitch.conf', 'hosts: files dns\n'),
    // For programs that a kubeconfig names. Node.js has its own copy of this list.
    text('/etc/ssl/certs/ca-certificates.crt', `${rootCertificates.join('\n')}\n`),
    { path: '/tmp', mode: 0o1777, folder: true },
    { path: home, mode: 0o700, owner: user, folder: true },
    { path: stateFolder, mode: 0o700, owner: user, folder: true },
    { path: dirname(configFile), mode: 0o755, folder: true },
  ]);
}

/** @param tree of {@link buildTree}, with libraries */
export async function programFiles(tree: string): Promise<TarEntry[]> {
  const copies = ['lib/plan42', 'share/doc/plan42'].map(async (folder) => {
    const entries = await readdir(join(tree, folder), { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => `${folder}/${name}`);
  });
  const names = (await Promise.all(copies)).flat();
  return withFolders([
    { path: '/usr/bin/plan42', mode: 0o755, file: join(tree, 'bin/plan42') },
    ...links.map((name): TarEntry => ({ path: `/usr/bin/${name}`, mode: 0o777, link: 'plan42' })),
    { path: '/usr/bin/agent-wrapper', mode: 0o777, link: 'plan42' },
    { path: checkAgent, mode: 0o755, content: `#!/usr/bin/${interpreterName}\n${checkScript}` },
    ...names.map((name): TarEntry => ({ path: `/usr/${name}`, mode: 0o644, file: join(tree, name) })),
  ]);
}

/** Every path once, sorted, each after its folders. */
function withFolders(entries: readonly TarEntry[]): TarEntry[] {
  const parents = new Set(entries.flatMap(({ path }) => parentsOf(path)));
  const folders = [...parents].map((path): TarEntry => ({ path, mode: 0o755, folder: true }));
  const byPath = new Map([...folders, ...entries].map((entry) => [entry.path, entry]));
  return [...byPath].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [...parentsOf(parent), parent];
}

/** The shared libraries of a program and the loader, by the paths under which the loader finds them. */
async function linkedFiles(executable: string): Promise<string[]> {
  const linked = await run('ldd', [executable]);
  return [...linked.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = '']) => path);
}

async function libraryEntry(path: string): Promise<TarEntry> {
  return { path, mode: 0o755, file: await realpath(path) };
}

/** The package's licence, and its version for scanners that look for known vulnerabilities. */
async function describePackage(name: string): Promise<TarEntry[]> {
  const fields = ['Package', 'Status', 'Architecture', 'Source', 'Version'];
  const format = fields.map((field) => `${field}: \${${field}}\\n`).join('');
  const status = (await run('dpkg-query', ['-W', '-f', format, name])).replace(/^Source: \n/m, '');
  return [
    { path: `/var/lib/dpkg/status.d/${name}`, mode: 0o644, content: status },
    { path: `/usr/share/doc/${name}/copyright`, mode: 0o644, file: `/usr/share/doc/${name}/copyright` },
  ];
}
