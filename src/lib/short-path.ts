/** Unix sockets below folders with long paths. */
import { constants } from 'node:fs';
import { access, mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

// sun_path, including the terminating zero byte, has 104 bytes on macOS and 108 on Linux.
const maxPathBytes = 103;

/**
 * Calls `use` with a path to the socket that is short enough for the system. If the real path is too long, it leads through
 * the open folder on Linux, elsewhere through a link in a temporary folder, until `use` has bound or connected.
 */
export async function withShortPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (isShort(path)) return use(path);
  await using folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  const opened = `/proc/self/fd/${folder.fd}`;
  const hasProc = await access(opened).then(
    () => true,
    () => false,
  );
  return await (hasProc ? use(join(opened, basename(path))) : throughLink(path, use));
}

const isShort = (path: string) => Buffer.byteLength(path) <= maxPathBytes;

async function throughLink<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await makeShortFolder(basename(path));
  try {
    await symlink(dirname(path), join(folder, 's'));
    return await use(join(folder, 's', basename(path)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The user's temporary folder can have a long path itself, or be missing. */
async function makeShortFolder(name: string): Promise<string> {
  const prefix = join(tmpdir(), 'p42-');
  if (isShort(join(`${prefix}XXXXXX`, 's', name))) {
    const folder = await mkdtemp(prefix).catch(() => undefined);
    if (folder !== undefined) return folder;
  }
  return await mkdtemp('/tmp/p42-');
}
