import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

// sun_path, including the terminating zero byte, has 104 bytes on macOS and 108 on Linux.
const maxPathBytes = 103;

export function controlSocketPath(stateDir: string): string {
  return join(stateDir, 'control.sock');
}

/**
 * Calls `use` with a path to the socket that is short enough for the system. If the real path is too long, it leads through a
 * symbolic link in a private temporary folder, which is removed once `use` has bound or connected.
 */
export async function withShortPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= maxPathBytes) return use(path);
  const folder = await mkdtemp(join(tmpdir(), 'p42-'));
  try {
    await symlink(dirname(path), join(folder, 's'));
    return await use(join(folder, 's', basename(path)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
