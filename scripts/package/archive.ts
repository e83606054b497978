/** Reproducible archives: the same contents give the same bytes. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { create } from 'tar';

interface Archive {
  file: string;
  /** The parent folder of `name`. */
  cwd: string;
  name: string;
  /** Modification time of every entry. */
  time: Date;
}

/**
 * Writes a gzipped tar of the folder `name` to `file`, sorted and without owners. Shared folders get no entries, because
 * unpacking would change mode and time of existing ones, as in ~/.local.
 */
export async function writeTarball({ file, cwd, name, time }: Archive): Promise<void> {
  const options = { file, cwd, gzip: { level: 9 }, portable: true, mtime: time, noDirRecurse: true };
  await create(options, await namesIn(cwd, name));
}

/** Returns the paths of all entries, each after its folder. */
async function namesIn(cwd: string, name: string): Promise<string[]> {
  const entries = await readdir(join(cwd, name), { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: relative(cwd, join(entry.parentPath, entry.name)) }));
  const kept = paths.filter(({ entry, path }) => !entry.isDirectory() || `${path}/`.includes('/plan42/'));
  return kept.map(({ path }) => path).toSorted();
}

/** Returns the SHA-256 of a file in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
