/** From a job that its runtime has to an agent that runs, which can take long in a cluster: its pod waits for a node and an image. */
import { isAbort } from '../lib/errors.ts';
import { retryForever } from '../lib/retry.ts';
import type { JobContext } from './job-context.ts';
import { startHeartbeats } from './progress.ts';
import type { JobRecord } from './record.ts';

// Most pods start sooner. Their agents find the turn in the version that is in their request.
const minHeartbeatGapMs = 30_000;

/** Logs when the agent runs, and sends heartbeats until then, or until it is disposed of. */
export function watchStart({ jobId }: JobRecord, isNew: boolean, context: JobContext): AsyncDisposable {
  const { runtime, store, turn, logger, detach } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([detach, over.signal]);
  const logStart = () => logger.info('job started', { runtime: runtime.name });
  const watch = async () => {
    await using _heartbeats = startHeartbeats(context, AbortSignal.any([signal, turn.ended]), minHeartbeatGapMs);
    const failure = 'cannot watch start of job, retrying';
    const wait = async () => runtime.whenRunning?.(store.paths(jobId), signal);
    const start = await retryForever(wait, { failure, logger, signal });
    // A runner that was restarted does not log it again.
    if (start?.isRunning && (isNew || start.hasWaited)) logStart();
  };
  let watching = Promise.resolve();
  if (runtime.whenRunning === undefined) {
    if (isNew) logStart();
  } else {
    watching = watch().catch((error: unknown) => {
      if (!isAbort(error, signal)) logger.error('cannot watch start of job', { error });
    });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await watching;
    },
  };
}
