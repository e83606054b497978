/** Writes a job of another replica to the disk of this one, from where it is continued like a job of an earlier run. */
import { systemClock } from '../../lib/clock.ts';
import { formatBytes } from '../../lib/format-bytes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { removeLog } from '../../shim/job-log.ts';
import type { JobRecord } from '../record.ts';
import type { JobStore } from '../store.ts';
import type { SharedJob } from './shared-job.ts';

export interface RestoreDeps {
  store: JobStore;
  runtime: Runtime;
}

/** Can be repeated if it fails. */
export async function restoreJob(jobId: string, job: SharedJob, deps: RestoreDeps): Promise<void> {
  const { store, runtime } = deps;
  const paths = store.paths(jobId);
  // An agent that has ended is not read again: this replica may have its whole log from an earlier time.
  if (job.record.phase === 'ended') await store.drop(jobId);
  else await dropJob(jobId, store);
  const { agentToken, request, killed } = job;
  let record: JobRecord = { ...job.record, shared: true };
  await store.create(record, { request: request ?? '{}', agentToken });
  if (killed) await store.markKilled(jobId);
  if (record.phase === 'accepted' && request !== undefined) return;
  await runtime.restoreState?.(paths, job.state);
  await store.removeInput(jobId);
  if (record.phase !== 'accepted' || (await runtime.wasStarted(paths))) return;
  record = endWithoutRequest(record, job.omittedBytes ?? 0);
  await store.update(record);
}

/** Leaves a job to the replica that has taken it. */
export async function leaveJob(record: JobRecord, store: JobStore, logger: Logger): Promise<void> {
  if (record.phase === 'ended') {
    // That one may find nothing in the runtime any more: then only this replica has the log.
    logger.warn('job was taken by another replica after its end, keeping its log');
    await store.finish(record);
  } else {
    logger.warn('job was taken by another replica');
    await dropJob(record.jobId, store);
  }
}

/** Removes what this replica has of a job that is another replica's, its log included: that one reads it again. */
async function dropJob(jobId: string, store: JobStore): Promise<void> {
  await store.drop(jobId);
  await removeLog(store.paths(jobId).logFile, async () => false);
}

function endWithoutRequest(record: JobRecord, bytes: number): JobRecord {
  const why = `the replica that had accepted the job stopped before it started the agent, and a request of ${formatBytes(bytes)} is too large to be kept in the cluster`;
  return {
    ...record,
    phase: 'ended',
    endedAt: systemClock.date().toISOString(),
    endCode: 'not-started',
    endText: why,
    failure: `The agent was not started: ${why}. Run the turn again.`,
  };
}
