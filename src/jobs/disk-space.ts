import { type FreeSpace, freeSpace } from '../lib/files.ts';
import { formatBytes } from '../lib/format-bytes.ts';

export interface DiskSpaceOptions {
  /** Folders by content, as in `{ 'job logs': '/var/…' }`; undefined if unknown or not on this machine. */
  folders: () => Record<string, string | undefined>;
  /** In bytes. */
  minFree: number;
  hostName: string;
  measure?: FreeSpace;
}

/** Why there is too little disk space for a job, for the response to its request; undefined if there is enough. */
export async function lowDiskReason(options: DiskSpaceOptions): Promise<string | undefined> {
  const { folders, minFree, hostName, measure = freeSpace } = options;
  for (const [what, folder] of Object.entries(folders())) {
    // An engine's folder may be in a virtual machine. A folder that can't be measured is no reason to reject jobs.
    const free = folder === undefined ? undefined : await measure(folder).catch(() => undefined);
    if (free !== undefined && free < minFree) {
      const needed = `${formatBytes(minFree)} are needed to take a job (jobs.min_free_gib)`;
      return `not enough disk space on ${hostName}: ${formatBytes(free)} free for ${what} in ${folder}, ${needed}`;
    }
  }
  return undefined;
}
