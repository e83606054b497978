/** The end of a job: why it did not start, its final status, and what is removed. */
import type { UsageTotals } from '../gateway/models/usage.ts';
import { loggable } from '../github/errors.ts';
import { systemClock } from '../lib/clock.ts';
import { formatError } from '../lib/errors.ts';
import { retryForever } from '../lib/retry.ts';
import { stopWarden } from '../limits/warden-process.ts';
import { RuntimeError } from '../runtimes/runtime.ts';
import { type EndReason, killedReason, turnEndReason } from './end-reason.ts';
import type { JobContext } from './job-context.ts';
import { describeFailure, describeStop } from './outcome.ts';
import type { JobRecord } from './record.ts';
import { tryToUpdate } from './update-record.ts';

/** Marks the failure of a pull, whose cause is the error to report. */
export class PullFailure extends Error {
  override readonly name = 'PullFailure';

  constructor(cause: unknown) {
    super('cannot pull the image', { cause });
  }
}

/** The record of a job that did not start. */
export async function recordFailure(record: JobRecord, error: unknown, context: JobContext): Promise<JobRecord> {
  const { store, cancel } = context;
  const { failure, ...reason } = explainFailure(error, context);
  await store.removeInput(record.jobId);
  const endedAt = systemClock.date().toISOString();
  const ended = { ...record, phase: 'ended', endedAt, endCode: reason.code, endText: reason.text, failure } as const;
  return cancel.aborted ? { ...ended, killed: true } : ended;
}

function explainFailure(error: unknown, context: JobContext): EndReason & { failure: string } {
  const { logger, cancel, turn, hostName } = context;
  if (cancel.aborted) {
    logger.info('job killed before start');
    return { ...killedReason, failure: 'The agent was killed by user before it started.' };
  }
  if (turn.end) {
    const reason = turnEndReason(turn.end);
    logger.info('turn finished before start of job', { reason: reason.text });
    return { ...reason, failure: describeStop(turn.end) };
  }
  const isPull = error instanceof PullFailure;
  const cause = isPull ? error.cause : error;
  logger.error('job failed', { error: loggable(cause) });
  const code = isPull ? 'pull-failed' : cause instanceof RuntimeError ? 'start-failed' : 'not-started';
  return { code, text: formatError(cause), failure: describeFailure(cause, hostName) };
}

/** Reports the final status and cleans up; then nothing is left to do for the job. */
export async function finishJob(record: JobRecord, context: JobContext): Promise<void> {
  const { store, logger, detach, claim } = context;
  // Before the report, which can take days.
  await store.removeInput(record.jobId);
  const isRecorded = await tryToUpdate(record, context);
  // From here on, every replica that takes the job reports the same end.
  await claim.noteEnded(record, detach);
  const usage = await reportAndRemove(record, isRecorded, context);
  await claim.release(detach);
  const archive = () => store.finish({ ...record, ...(usage && { usage }) });
  await retryForever(archive, { failure: 'cannot archive job record, retrying', logger, signal: detach });
  logger.info('job finished');
}

async function reportAndRemove(
  record: JobRecord,
  isRecorded: boolean,
  context: JobContext,
): Promise<UsageTotals | undefined> {
  const { turn, networks, usages, detach, claim } = context;
  const { failure = 'The agent has exited.' } = record;
  const endedAt = new Date(record.endedAt ?? systemClock.date().getTime());
  const failTurn = async () => {
    await claim.prove(detach);
    await networks.flush(record, detach);
    await turn.fail(failure, endedAt, detach);
  };
  const removeJob = async () => {
    await cleanUp(record, isRecorded, context);
    // The gateway has exited and written its last counts.
    const [usage] = await Promise.all([usages.finish(record, detach), networks.finish(record, detach)]);
    return usage;
  };
  // In parallel: the server can be unreachable, and so can the engine.
  const [, usage] = await Promise.all([failTurn(), removeJob()]);
  return usage;
}

async function cleanUp(record: JobRecord, isRecorded: boolean, context: JobContext): Promise<void> {
  const { store, runtime, logger, detach: signal, claim } = context;
  const { jobId } = record;
  // Until the result is on disk, the runtime is the only one that knows it. A folder that was deleted needs no record.
  const update = async () => {
    if (!isRecorded && (await store.isActive(jobId))) await store.update(record);
  };
  await retryForever(update, { failure: 'cannot save job result, retrying', logger, signal });
  await stopWarden(store.paths(jobId)).catch((error: unknown) => logger.warn('cannot stop warden', { error }));
  const remove = async () => {
    // Another replica may still need its log.
    await claim.prove(signal);
    await runtime.remove(store.paths(jobId));
  };
  await retryForever(remove, { failure: 'cannot remove job from runtime, retrying', logger, signal });
  await store.keepEgress(jobId).catch((error: unknown) => logger.warn('cannot save network report', { error }));
}
