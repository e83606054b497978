import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

// Of a socket's path, with the zero byte at its end: 104 on macOS, 108 on Linux.
const maxPathBytes = 103;

export function controlSocketPath(stateDir: string): string {
  return join(stateDir, 'control.sock');
}

/**
 * Calls `use` with a path of the socket that is short enough for the system. Where the real one is not, that leads through
 * a link in a private temporary folder, which is needed for as long as `use` takes to bind or connect, and no longer.
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
