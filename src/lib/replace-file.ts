import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, UserError } from './errors.ts';
import { syncFolder, temporaryName, writeDurably } from './files.ts';

/**
 * Replaces a file that a user may own, link, share or mount, such as the configuration: it keeps its owner, group, mode,
 * access list and attributes, and a symbolic link keeps its target. A crash leaves the old content or the new one. If the
 * file cannot be renamed over (a bind mount, a folder that is read-only), or its owner cannot be kept that way, it is
 * written in place. A new file gets `mode`, and its folder's owner if root creates it.
 * @throws UserError if it is not a regular file, or is another user's link; a system error if it cannot be written
 */
export async function replaceFile(path: string, content: string, mode = 0o600): Promise<void> {
  const target = await followLinks(path);
  const old = await lstat(target).catch(ifMissing);
  if (old === undefined) return await writeDurably(target, content, mode);
  if (!old.isFile()) throw new UserError(`cannot replace ${path}: it is not a regular file`);
  const temporary = temporaryName(target);
  try {
    await replaceByRename(target, old, temporary, content);
  } catch (error) {
    if (!inPlaceCodes.has(errorCode(error) ?? '')) throw error;
    // Until this is done, the temporary file has the complete new content.
    await overwrite(target, old, content);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** The new file cannot take the place of the old one, which may be writable all the same. */
const inPlaceCodes = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']);

async function replaceByRename(target: string, old: Stats, temporary: string, content: string): Promise<void> {
  await using file = await open(temporary, 'wx', 0o600);
  await keepAttributes(file, target, old);
  await file.writeFile(content);
  await file.sync();
  await rename(temporary, target);
  await syncFolder(dirname(target));
}

/** Rejects with EPERM if this user may not create such a file. */
async function keepAttributes(file: FileHandle, target: string, old: Stats): Promise<void> {
  const { uid, gid } = await file.stat();
  if (uid !== old.uid || gid !== old.gid) await file.chown(old.uid, old.gid);
  await file.chmod(old.mode & 0o7777);
  if (process.platform === 'linux') await copyAccessList(target, file);
}

/**
 * Copies what Node.js cannot: access lists, extended attributes and the security context. Without GNU's `cp` they are lost.
 * Both files are passed open, so that no other user can exchange them.
 */
async function copyAccessList(target: string, to: FileHandle): Promise<void> {
  await using from = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW);
  const args = ['--attributes-only', '--preserve=all', '/proc/self/fd/3', '/proc/self/fd/4'];
  const cp = spawn('cp', args, { stdio: ['ignore', 'ignore', 'ignore', from.fd, to.fd] });
  await once(cp, 'close').catch(() => {});
}

/** Writes into the file itself. If that fails, the old content is restored. */
async function overwrite(target: string, old: Stats, content: string): Promise<void> {
  await using file = await open(target, constants.O_RDWR | constants.O_NOFOLLOW);
  const { dev, ino } = await file.stat();
  if (dev !== old.dev || ino !== old.ino) throw new UserError(`cannot replace ${target}: another program replaced it`);
  const before = await file.readFile();
  try {
    await writeAll(file, Buffer.from(content));
  } catch (error) {
    await writeAll(file, before).catch(() => {});
    throw error;
  }
}

async function writeAll(file: FileHandle, content: Buffer): Promise<void> {
  for (let offset = 0; offset < content.length; ) {
    offset += (await file.write(content, offset, content.length - offset, offset)).bytesWritten;
  }
  await file.truncate(content.length);
  await file.sync();
}

const maxLinks = 40;

/**
 * The file that a symbolic link leads to; it need not exist. Returns `path` if it is no link.
 * @throws UserError for a link of another user to a file that does not belong to that user
 */
export async function followLinks(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < maxLinks; links += 1) {
    const folder = await realpath(dirname(target)).catch(() => resolve(dirname(target)));
    target = join(folder, basename(target));
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    await requireTrusted(target, resolve(folder, next));
    target = resolve(folder, next);
  }
  return path;
}

/** As the kernel does in shared folders: another user's link must not choose which of our files is written. */
async function requireTrusted(link: string, target: string): Promise<void> {
  const { uid } = await lstat(link);
  if (uid === 0 || uid === process.geteuid?.()) return;
  const found = (await stat(target).catch(ifMissing)) ?? (await stat(dirname(target)).catch(ifMissing));
  if (found === undefined || found.uid === uid) return;
  throw new UserError(`cannot replace ${link}: it is another user’s link to a file that the user does not own`, {
    remedy: `Replace the link by a file, or name the file itself.`,
  });
}

function ifMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
