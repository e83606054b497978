import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { shellQuote } from './shell-quote.ts';

/** The part of the machine, its file systems or its limits that fails. */
export type FailureKind =
  | 'diskFull'
  | 'readOnly'
  | 'forbidden'
  | 'diskError'
  | 'damaged'
  | 'notADatabase'
  | 'busy'
  | 'descriptors'
  | 'memory';

/** A failure of the environment, which is neither a bug nor a mistake in the input. */
export interface EnvironmentFailure {
  kind: FailureKind;
  /** The file or folder, if known. */
  path: string | undefined;
}

const systemCodes: Readonly<Record<string, FailureKind>> = {
  ENOSPC: 'diskFull',
  EDQUOT: 'diskFull',
  EROFS: 'readOnly',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EIO: 'diskError',
  EMFILE: 'descriptors',
  ENFILE: 'descriptors',
  ENOMEM: 'memory',
};

// Primary result codes, https://www.sqlite.org/rescode.html
const sqliteCodes: Readonly<Record<number, FailureKind>> = {
  3: 'forbidden',
  5: 'busy',
  6: 'busy',
  7: 'memory',
  8: 'readOnly',
  10: 'diskError',
  11: 'damaged',
  13: 'diskFull',
  14: 'forbidden',
  26: 'notADatabase',
};

// SQLITE_IOERR_SHMSIZE: there is no space for the index of the write-ahead log.
const sharedMemoryFull = 10 | (19 << 8);

/** Returns the failure of the environment that `error` or one of its causes is; undefined for any other error. */
export function environmentFailure(error: unknown): EnvironmentFailure | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const kind = kindOf(e);
    if (kind !== undefined) return { kind, path: (e as NodeJS.ErrnoException).path };
  }
  return undefined;
}

function kindOf(error: NodeJS.ErrnoException & { errcode?: unknown }): FailureKind | undefined {
  if (error.code !== 'ERR_SQLITE_ERROR') return systemCodes[error.code ?? ''];
  const code = typeof error.errcode === 'number' ? error.errcode : 0;
  return code === sharedMemoryFull ? 'diskFull' : sqliteCodes[code & 0xff];
}

/** Returns what to do about a failure, as imperative sentences. `path` is used if the failure has none. */
export function failureRemedy(failure: EnvironmentFailure, path = failure.path): string {
  const folder = path === undefined ? '.' : existingFolder(path);
  switch (failure.kind) {
    case 'diskFull':
      return `${fullDiskRemedy(folder)} Run: ${usageCommand(folder)}`;
    case 'readOnly':
      return `Make its file system writable. Run: findmnt --target ${shellQuote(folder)}`;
    case 'forbidden':
      return `Check the owner and the permissions. Run: ls -ld ${shellQuote(path ?? '.')}`;
    case 'diskError':
      return 'Check the disk and the log of the kernel. Run: dmesg';
    case 'damaged':
    case 'notADatabase':
      return 'Restore a backup.';
    case 'busy':
      return 'Stop the other program that uses it.';
    case 'descriptors':
      return 'Raise the limit of open files. Run: ulimit -n';
    case 'memory':
      return 'Free memory. Run: free -h';
  }
}

/** Returns what to do about a disk without space or without inodes. */
export function fullDiskRemedy(folder: string): string {
  return isOutOfInodes(folder) ? 'Remove files: the file system has no inodes left.' : 'Free disk space.';
}

// A failed operation may have removed its own temporary files.
const fewInodes = 16;
const fewBytes = 2 ** 18;

/** Whether the file system of `path`, or of the nearest folder above it, has space but no inodes. False if unknown. */
export function isOutOfInodes(path: string): boolean {
  try {
    const { files, ffree, bavail, bsize } = statfsSync(existingFolder(path));
    return files > 0 && ffree < fewInodes && bavail * bsize > fewBytes;
  } catch {
    return false;
  }
}

/** Returns the command that shows how full the file system of a folder is. */
export function usageCommand(folder: string): string {
  return `df ${isOutOfInodes(folder) ? '-i' : '-h'} ${shellQuote(folder)}`;
}

/** Returns `path` or the nearest folder above it that exists. */
function existingFolder(path: string): string {
  const parent = dirname(path);
  return parent === path || statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : existingFolder(parent);
}
