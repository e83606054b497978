/** Copies the shared libraries that Node.js needs on Linux, so that users need to install only the C library. */
import { copyFile, mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const names = ['libstdc++.so.6', 'libgcc_s.so.1', 'libatomic.so.1'];

const debianNames: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};
const debianName = debianNames[process.arch] ?? process.arch;

/**
 * Search path of the executable. The system's folders come first, because the copies need a C library at least as new as on
 * the build machine.
 */
export const libraryFolders = [
  '/usr/lib64',
  `/usr/lib/${debianName}`,
  `/lib/${debianName}`,
  '$ORIGIN/../lib/plan42',
] as const;

const notice = `libstdc++, libgcc_s, libatomic (GPL-3.0-or-later WITH GCC-exception-3.1)

Shared libraries of the GNU Compiler Collection, in lib/plan42, unchanged from the distribution that this package was built
on. They are used under the GCC Runtime Library Exception. Replace them with your own, or delete them to use your
system's. Source code: https://gcc.gnu.org and the distribution's source package`;

const gpl = '/usr/share/common-licenses/GPL-3';

interface Libraries {
  notice: string;
  /** Version of the distribution's source package. */
  version: string;
}

/** Copies the libraries into the folder. */
export async function copyLibraries(executable: string, folder: string): Promise<Libraries> {
  await mkdir(folder, { recursive: true });
  const linked = await run('ldd', [executable]);
  const sources = new Map<string, string>();
  const licences = new Set<string>();
  for (const name of names) {
    const path = linked
      .split('\n')
      .find((line) => line.trim().startsWith(`${name} `))
      ?.split(/\s+/)[3];
    if (path === undefined) throw new Error(`${executable} is not linked with ${name}`);
    const real = await realpath(path);
    await copyFile(real, join(folder, name));
    const owner = await ownerOf(real);
    sources.set(owner.source, owner.version);
    licences.add(await readFile(`/usr/share/doc/${owner.name}/copyright`, 'utf8'));
  }
  const from = [...sources].map(([source, version]) => `${source} ${version}`).join(', ');
  const texts = [`${notice}: ${from}`, ...licences, await readFile(gpl, 'utf8')];
  return { notice: `${texts.map((text) => text.trim()).join('\n\n')}\n`, version: [...sources.values()].join(', ') };
}

/** Returns the Debian package that a file belongs to. */
export async function ownerOf(path: string): Promise<{ name: string; source: string; version: string }> {
  // dpkg may list it by its path from before /lib moved to /usr.
  const found = await run('dpkg', ['-S', path]).catch(() => run('dpkg', ['-S', path.replace(/^\/usr/, '')]));
  const [owner = ''] = found.split(': ');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's syntax
  const format = '${Package} ${source:Package} ${source:Version}';
  const [name = '', source = '', version = ''] = (await run('dpkg-query', ['-W', '-f', format, owner])).split(' ');
  return { name, source, version };
}
