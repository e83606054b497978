import { access, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Shells that systems have as `/bin/sh`; on macOS it is bash, which minds POSIX when it is called by that name. */
export const shellNames = ['dash', 'bash', 'busybox'] as const;

export interface Shell {
  /** Where it is called `sh`. */
  path: string;
  /** With the commands that come with it. */
  env: { PATH: string };
}

const busyboxApplets = 'cat date dd df echo head ls mkdir mv rm seq sleep tail wc yes'.split(' ');

/** Makes the shell available under `dir`; undefined where it is not installed. */
export async function makeShell(name: (typeof shellNames)[number], dir: string): Promise<Shell | undefined> {
  const original = await find(name);
  if (original === undefined) return undefined;
  const bin = join(dir, 'bin');
  await mkdir(bin, { recursive: true });
  const applets = name === 'busybox' ? busyboxApplets : [];
  for (const applet of ['sh', ...applets]) await symlink(original, join(bin, applet));
  return { path: join(bin, 'sh'), env: { PATH: name === 'busybox' ? bin : '/usr/bin:/bin' } };
}

async function find(name: string): Promise<string | undefined> {
  for (const folder of ['/usr/bin', '/bin']) {
    const path = join(folder, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}
