/** An image for the test container, made of what is installed: this process's own program and its libraries. */
import { realpath } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { exists } from '../../lib/files.ts';
import { loadedLibraries } from '../../lib/process-report.ts';
import { type TarEntry, writeTar } from '../../lib/tar.ts';
import { checkScript, interpreterName } from './script.ts';

// glibc loads them at run time to resolve names.
const nameServiceLibraries = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'];

/** The archive of the image's files. Linux only. */
export async function* checkImage(entrypoint: string): AsyncGenerator<Buffer, void> {
  const program = await realpath(process.execPath);
  const interpreter = `/${interpreterName}`;
  const libraries = await sharedLibraries();
  const files = [...new Set([program, ...libraries])];
  const script: TarEntry = { path: entrypoint, mode: 0o755, content: `#!${interpreter}\n${checkScript}` };
  const entries: TarEntry[] = [
    { path: '/tmp', mode: 0o1777, folder: true },
    { path: '/etc/nsswitch.conf', mode: 0o644, content: 'hosts: files dns\n' },
    ...files.map((file): TarEntry => ({ path: file, mode: 0o755, file })),
    { path: interpreter, mode: 0o777, link: program },
    script,
  ];
  // Engines reject an archive that has a path twice, for example if this program is below /tmp.
  const parents = new Set(entries.flatMap(({ path }) => parentsOf(path)));
  const folders = [...parents].map((path): TarEntry => ({ path, mode: 0o755, folder: true }));
  const byPath = new Map([...folders, ...entries].map((entry) => [entry.path, entry]));
  yield* writeTar([...byPath.values()]);
}

/** The paths under which the loader found the libraries of this process. */
async function sharedLibraries(): Promise<string[]> {
  const loaded = loadedLibraries().filter((path) => path.startsWith('/') && /\.so(\.|$)|\/ld-/.test(path));
  const libc = loaded.find((path) => /\/libc[.-]/.test(path));
  const more = libc === undefined ? [] : nameServiceLibraries.map((name) => join(dirname(libc), name));
  const found = await Promise.all([...loaded, ...more].map(async (path) => ((await exists(path)) ? [path] : [])));
  return found.flat().map((path) => normalize(path));
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [...parentsOf(parent), parent];
}
