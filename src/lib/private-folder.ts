import { constants, type Stats } from 'node:fs';
import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { errorCode, UserError } from './errors.ts';
import { makeFolder } from './files.ts';
import { wayAround } from './read-file.ts';
import { shellQuote } from './shell-quote.ts';

/** Why a program must not keep its files in a folder, and what to do about it. */
export interface FolderProblem {
  reason: string;
  remedy: string;
  /** The command that does it; undefined if there is none. */
  command: string | undefined;
}

/**
 * Creates a folder for files of this program, or accepts an existing one. An empty folder that others can write to is made
 * private.
 * @throws UserError if another user owns it, or could have put files and links into it
 */
export async function openPrivateFolder(path: string): Promise<void> {
  await makeFolder(path);
  await requirePrivateFolder(path);
}

/** As {@link openPrivateFolder}, for a folder that exists. */
export async function requirePrivateFolder(path: string): Promise<void> {
  const found = await stat(path);
  if (isOwn(found) && isWritableByOthers(found) && (await readdir(path)).length === 0) await chmod(path, 0o700);
  const problem = await findFolderProblem(path);
  if (problem === undefined) return;
  const { reason, remedy, command } = problem;
  throw new UserError(`cannot use the folder ${path}: ${reason}`, {
    remedy: command === undefined ? remedy : `${remedy} Run: ${command}`,
  });
}

/** Undefined if only this user and root can change what is in the folder. */
export async function findFolderProblem(path: string): Promise<FolderProblem | undefined> {
  const [link, found] = await Promise.all([lstat(path), stat(path)]);
  const quoted = shellQuote(path);
  if (!isTrusted(link) || !isTrusted(found)) {
    const uid = isTrusted(link) ? found.uid : link.uid;
    const reason = `it belongs to another user (uid ${uid})`;
    if (process.geteuid?.() === 0)
      return { reason, remedy: 'Run this as that user, or choose another folder.', command: undefined };
    const remedy = 'Choose another folder, or take ownership of it if you trust what is in it.';
    return { reason, remedy, command: `sudo chown -R "$(id -un)" ${quoted}` };
  }
  if (!isWritableByOthers(found)) return undefined;
  return {
    reason: `other users can write to it (mode ${octal(found)})`,
    remedy: 'Remove what is not yours from it, then make it private.',
    command: `${isOwn(found) ? '' : 'sudo '}chmod 700 ${quoted}`,
  };
}

/**
 * Checks a file that this program appends to; it need not exist.
 * @throws UserError if it is a link, or belongs to another user
 */
export async function requirePrivateFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
  if (found === undefined || (found.isFile() && isTrusted(found))) return;
  const reason = found.isFile() ? `belongs to another user (uid ${found.uid})` : 'is not a regular file';
  throw new UserError(`cannot write ${path}: it ${reason}`, { remedy: wayAround(path, found) });
}

/** To open a file for appending without following a link, and without waiting for the reader of a named pipe. */
export const appendToOwnFile =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const isOwn = ({ uid }: Stats) => uid === process.geteuid?.();

/** Root can change everything anyway. */
const isTrusted = (stats: Stats) => stats.uid === 0 || isOwn(stats);

const isWritableByOthers = ({ mode }: Stats) => (mode & 0o022) !== 0;

const octal = ({ mode }: Stats) => (mode & 0o7777).toString(8).padStart(4, '0');
