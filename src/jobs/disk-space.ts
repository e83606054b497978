import { type FreeSpace, freeInodes, freeSpace, minFreeInodes } from '../lib/files.ts';
import { formatBytes } from '../lib/format-bytes.ts';

export interface DiskSpaceOptions {
  /** Folders by content, as in `{ 'job logs': '/var/…' }`; undefined if unknown or not on this machine. */
  folders: () => Record<string, string | undefined>;
  /** In bytes. */
  minFree: number;
  hostName: string;
  measure?: FreeSpace;
  countInodes?: typeof freeInodes;
}

/** Why there are too few bytes or inodes for a job, for the response to its request; undefined if there are enough. */
export async function lowDiskReason(options: DiskSpaceOptions): Promise<string | undefined> {
  const { folders, minFree, hostName, measure = freeSpace, countInodes = freeInodes } = options;
  for (const [what, folder] of Object.entries(folders())) {
    if (folder === undefined) continue;
    // An engine's folder may be in a virtual machine. A folder that can't be measured is no reason to reject jobs.
    const [free, inodes] = await Promise.all([measure, countInodes].map((read) => read(folder).catch(() => undefined)));
    if (free !== undefined && free < minFree) {
      const needed = `${formatBytes(minFree)} are needed to take a job (jobs.min_free_gib)`;
      return `not enough disk space on ${hostName}: ${formatBytes(free)} free for ${what} in ${folder}, ${needed}`;
    }
    if (inodes !== undefined && inodes < minFreeInodes) {
      const needed = `${minFreeInodes} are needed to take a job (df -i)`;
      return `not enough inodes on ${hostName}: ${inodes} free for ${what} in ${folder}, ${needed}`;
    }
  }
  return undefined;
}
