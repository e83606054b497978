import { randomBytes } from 'node:crypto';
import { constants, type Dirent, fchownSync, statSync } from 'node:fs';
import { access, mkdir, open, opendir, rename, rm, statfs, writeFile } from 'node:fs/promises';
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
 * rejects. With `forOwner`, what root creates belongs to the owner of the folder above it.
 */
export async function makeFolder(path: string, options = { forOwner: false }): Promise<void> {
  try {
    await makeOne(path, options);
  } catch (error) {
    const parent = dirname(path);
    if (errorCode(error) !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent, options);
    await makeOne(path, options);
  }
}

async function makeOne(path: string, { forOwner }: { forOwner: boolean }): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    throw error;
  }
  if (forOwner) await giveFolder(path);
}

/** As {@link giveToOwnerOf}, without following a link that has taken the place of the folder. */
async function giveFolder(path: string): Promise<void> {
  if (!isRoot()) return;
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  giveToOwnerOf(dirname(path), folder.fd);
}

const isRoot = () => process.geteuid?.() === 0;

/** Bytes that this user can still write to the file system of `path`. */
export async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** The number of files that can still be created on the file system of `path`; undefined if it has no limit. */
export async function freeInodes(path: string): Promise<number | undefined> {
  const { files, ffree } = await statfs(path);
  return files > 0 ? ffree : undefined;
}

/** A job needs some for its own files, and the engine more. */
export const minFreeInodes = 1000;

/** For a parameter, so that tests can simulate a full disk. */
export type FreeSpace = typeof freeSpace;

/**
 * Replaces a file of the program itself atomically: a crash or a power cut leaves either the old file or the new one, and
 * the new one is on disk when this resolves. Files of users need `replaceFile`.
 */
export async function writeDurably(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeAndSync(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Appends to a file of the program itself, which is created; the text is on disk when this resolves. */
export async function appendDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, 'a', 0o600);
  await file.appendFile(text);
  await file.sync();
}

/** A name beside `path` that no other file has. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.tmp`;
}

async function writeAndSync(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode);
  giveToOwnerOf(dirname(path), file.fd);
  await file.writeFile(content);
  await file.sync();
}

/** A file that root creates in a user's folder must stay usable by that user. Does nothing if this process is not root. */
export function giveToOwnerOf(folder: string, newFile: number): void {
  if (!isRoot()) return;
  const { uid, gid } = statSync(folder);
  try {
    if (uid !== 0) fchownSync(newFile, uid, gid);
  } catch (error) {
    // Root of a user namespace cannot give files to users outside of it.
    if (!['EPERM', 'EINVAL'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Creates a file of the program itself, for its user only. Rejects with EEXIST if there is one, or a link. */
export async function createFile(path: string, content: string | Uint8Array = ''): Promise<void> {
  await writeFile(path, content, { flag: 'wx', mode: 0o600 });
}

/** Gives a file or a folder of the program itself another name in the same file system. */
export const move = (from: string, to: string): Promise<void> => rename(from, to);

/** Makes renames in a folder durable: a power cut can undo one that was not synced. */
export async function syncFolder(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
