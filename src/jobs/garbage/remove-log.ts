import { randomUUID } from 'node:crypto';
import { link, rename, rm } from 'node:fs/promises';
import { errorCode } from '../../lib/errors.ts';
import type { JobStore } from '../store.ts';

/**
 * Removes a log unless its job is active. The file is put aside before the last look, so that the log of a job that is taken on at
 * this very moment is never lost: it was opened either before that look, which then finds the job and puts it back, or afterwards,
 * and is a new file. Returns whether the log is gone.
 */
export async function removeLog(path: string, jobId: string, store: JobStore): Promise<boolean> {
  const aside = `${path}.${randomUUID()}.removed`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
  const isNeeded = await store.isActive(jobId);
  if (isNeeded) {
    await link(aside, path).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  }
  await rm(aside, { force: true });
  return !isNeeded;
}
