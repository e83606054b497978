/** The record of a job on disk, written as far as the disk allows. */
import { systemClock } from '../lib/clock.ts';
import type { JobContext } from './job-context.ts';
import type { JobRecord } from './record.ts';

/** Optional after a crash: the runtime itself knows whether the job was started. */
export async function recordStart(record: JobRecord, context: JobContext): Promise<JobRecord> {
  const started: JobRecord = {
    ...record,
    phase: 'started',
    startedAt: record.startedAt ?? systemClock.date().toISOString(),
  };
  await tryToUpdate(started, context);
  await context.store.removeInput(record.jobId);
  return started;
}

/** Writes the record if possible. If not, for example on a full disk, its content can still be recovered. */
export async function tryToUpdate(record: JobRecord, { store, logger }: JobContext): Promise<boolean> {
  try {
    await store.update(record);
    return true;
  } catch (error) {
    logger.warn('cannot write job record, continuing', { error });
    return false;
  }
}
