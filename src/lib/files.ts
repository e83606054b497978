import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, mkdir, open, opendir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './errors.ts';

/** Whether there is something at `path`. Rejects where that can't be told. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** The text of a file; undefined when there is no such file. */
export async function readFileIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is in a folder, a few entries at a time; nothing where there is no such folder. */
export async function* listFolder(path: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * Makes a folder that only this user can look into, and those above it that are missing. Unlike Node's own recursive mkdir,
 * which goes round for ever below /proc, it fails where a folder can't be made.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await tryMake(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 });
}

/** False when the folder above is missing. */
async function tryMake(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return true;
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The bytes that this user can still write to the file system of `path`. */
export async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** A function that measures, so that tests can fill disks by themselves. */
export type FreeSpace = typeof freeSpace;

/**
 * Replaces `path` by `content` so that a crash or a power cut at any moment leaves either the old file or the
 * new one, and the new one is on the disk when this returns. The file is 0600 unless `mode` says otherwise.
 */
export async function writeDurably(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeAndSync(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function writeAndSync(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode);
  await file.writeFile(content);
  await file.sync();
}

/** Makes the names in a directory durable: a rename alone may be lost in a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
