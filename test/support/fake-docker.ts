import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder for the PATH with a docker that reports being ready and basic shell commands, and no other program of this machine. */
export async function fakeDocker(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'docker'), '#!/bin/sh\necho 27.1.2\n', { mode: 0o755 });
  for (const tool of ['sh', 'cat', 'readlink', 'stty', 'uname']) {
    const place = ['/bin', '/usr/bin'].find((candidate) => existsSync(join(candidate, tool)));
    if (place !== undefined) await symlink(join(place, tool), join(bin, tool));
  }
  return bin;
}
