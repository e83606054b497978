/** What Node.js needs besides the C library, on Linux: brought along, so that nothing has to be installed first. */
import { copyFile, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const names = ['libstdc++.so.6', 'libgcc_s.so.1', 'libatomic.so.1'];

const debianNames: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};
const debianName = debianNames[process.arch] ?? process.arch;

/**
 * Where the executable looks for them. The system's come first: they fit its C library, whereas those that come along need
 * one as new as on the machine that made the package.
 */
export const libraryFolders = [
  '/usr/lib64',
  `/usr/lib/${debianName}`,
  `/lib/${debianName}`,
  '$ORIGIN/../lib/plan42',
] as const;

const notice = `libstdc++, libgcc_s, libatomic (GPL-3.0-or-later WITH GCC-exception-3.1)

Shared libraries of the GNU Compiler Collection, in lib/plan42, unchanged as the distribution that this package was built on
distributes them. They are used under the GCC Runtime Library Exception; replace them by your own, or delete them
to use your system's. Source code: https://gcc.gnu.org and the distribution's source package:`;

/** Copies them into the folder; returns the notice that belongs to them. */
export async function copyLibraries(executable: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const linked = await run('ldd', [executable]);
  const origins = new Set<string>();
  for (const name of names) {
    const path = linked
      .split('\n')
      .find((line) => line.trim().startsWith(`${name} `))
      ?.split(/\s+/)[3];
    if (path === undefined) throw new Error(`${name} is not among what ${executable} is linked with`);
    const real = await realpath(path);
    await copyFile(real, join(folder, name));
    origins.add(await sourcePackageOf(real));
  }
  return `${notice} ${[...origins].join(', ')}\n`;
}

async function sourcePackageOf(path: string): Promise<string> {
  try {
    const [owner = ''] = (await run('dpkg', ['-S', path])).split(': ');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills it in.
    return (await run('dpkg-query', ['-W', '-f', '${source:Package} ${source:Version}', owner])).trim();
  } catch {
    return 'see the distribution';
  }
}
