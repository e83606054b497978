/** Writes a job of another replica to the disk of this one, from where it is continued like a job of an earlier run. */
import { systemClock } from '../../lib/clock.ts';
import { formatBytes } from '../../lib/format-bytes.ts';
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
  await dropJob(jobId, store);
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

/** Removes what this replica has of a job that is another replica's, its log included: that one reads it again. */
export async function dropJob(jobId: string, store: JobStore): Promise<void> {
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
