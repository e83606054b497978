/** Archives that depend on nothing but what is in them. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { create } from 'tar';

interface Archive {
  file: string;
  /** The folder that holds `name`. */
  cwd: string;
  name: string;
  /** Of every entry. */
  time: Date;
}

/**
 * Makes `file`, a gzipped tar of what is in the folder `name`: in order, owned by nobody in particular. Folders are entries only
 * if they are the program's own: unpacking would give others that are there already, as in ~/.local, their mode and time.
 */
export async function writeTarball({ file, cwd, name, time }: Archive): Promise<void> {
  const options = { file, cwd, gzip: { level: 9 }, portable: true, mtime: time, noDirRecurse: true };
  await create(options, await namesIn(cwd, name));
}

/** Everything, each after its folder. */
async function namesIn(cwd: string, name: string): Promise<string[]> {
  const entries = await readdir(join(cwd, name), { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: relative(cwd, join(entry.parentPath, entry.name)) }));
  const kept = paths.filter(({ entry, path }) => !entry.isDirectory() || `${path}/`.includes('/plan42/'));
  return kept.map(({ path }) => path).toSorted();
}

/** Hexadecimal SHA-256 of a file. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
