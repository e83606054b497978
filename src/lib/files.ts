import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, mkdir, open, opendir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './errors.ts';

/** Whether `path` exists. Rejects if it cannot be checked. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** The text of a file; undefined if it does not exist. */
export async function readFileIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The entries of a folder, read a few at a time. Empty if the folder does not exist. */
export async function* listFolder(path: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * Creates a folder with mode 0700, and its missing parents. Node's recursive mkdir never returns below /proc; this one
 * rejects.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await tryMake(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path, { mode: 0o700 });
}

/** False if the parent folder is missing. */
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

/** Bytes that this user can still write to the file system of `path`. */
export async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** For a parameter, so that tests can simulate a full disk. */
export type FreeSpace = typeof freeSpace;

/**
 * Replaces `path` atomically: a crash or a power cut leaves either the old file or the new one, and the new one is on disk
 * when this resolves.
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

/** Makes renames in a folder durable: a power cut can undo one that was not synced. */
export async function syncFolder(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
