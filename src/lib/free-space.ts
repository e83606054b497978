import { statfs } from 'node:fs/promises';

/** The bytes that this user can still write to the file system of `path`. */
export async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** A function that measures, so that tests can fill disks by themselves. */
export type FreeSpace = typeof freeSpace;
