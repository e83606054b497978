/**
 * Follows the log of a pod into the log of its job. A checkpoint on disk says where in the job's log a line with a certain time
 * begins, so that after each break, also of the runner itself, what the log has is compared and the rest is appended.
 */
import { Backoff } from '../../../lib/backoff.ts';
import { systemClock } from '../../../lib/clock.ts';
import { isAbort } from '../../../lib/errors.ts';
import { sleep } from '../../../lib/sleep.ts';
import { openSegmentWriter } from '../../../shim/shim.ts';
import { KubeApiError } from '../api/kube-api.ts';
import { pathOf } from '../paths.ts';
import { openCheckpoint } from './checkpoint.ts';
import { type Follower, type FollowLogOptions, isNodeLost, type LogTiming } from './follower.ts';
import { openOwnLines } from './own-lines.ts';
import { readLog, StalledStream, warnIfUnwatched } from './read-log.ts';
import { rotated } from './write-batch.ts';

const defaultTiming: LogTiming = {
  tickMs: 1000,
  firstProbeMs: 30_000,
  maxProbeMs: 480_000,
  lingerMs: 10_000,
  settleMs: 500,
  giveUpMs: 120_000,
  giveUpLostMs: 10_000,
  giveUpUnreachableMs: 900_000,
  backoff: { minMs: 500, maxMs: 10_000 },
};

const maxNotFound = 3;
/** Responses in a row that end before the place that the log has reached, after which it counts as rotated away. */
const maxCutOff = 5;

/** Resolves when the log is complete, or as complete as the cluster has it. Rejects only with the reason of the signal. */
export async function followLog(options: FollowLogOptions): Promise<void> {
  const { logger, job, signal = new AbortController().signal } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const backoff = new Backoff(timing.backoff);
  for (;;) {
    signal.throwIfAborted();
    try {
      await using log = await openSegmentWriter(job.logFile, options.maxLogBytes);
      await using checkpoint = await openCheckpoint(job, log);
      const ownLines = await openOwnLines(job, checkpoint);
      const follower: Follower = {
        options: { ...options, signal },
        timing,
        log,
        checkpoint,
        ownLines,
        lastTime: '',
        linesAt: 0,
        isWarned: false,
      };
      try {
        await follow(follower);
      } finally {
        await checkpoint.save().catch(() => {});
      }
      return;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      logger.warn('cannot open job log, retrying', { job_id: job.jobId, error });
      if (options.exited.aborted && backoff.attempts > 5) return;
      await sleep(backoff.next(), signal);
    }
  }
}

async function follow(follower: Follower): Promise<void> {
  const { options, timing } = follower;
  const { job, exited, logger, signal } = options;
  const backoff = new Backoff(timing.backoff);
  /** Whether the kubelet has ended the stream, which it does at the end of the log. */
  let isAtEnd = false;
  let notFound = 0;
  /** Since when only the end of the log is missing and nothing of it has arrived. */
  let missingSince: number | undefined;
  let awayMs = 0;
  /** When the last of the log arrived, or the container exited. */
  let quietSince: number | undefined;
  let cutOff = 0;
  for (;;) {
    const isLast = exited.aborted;
    const beganAt = systemClock.now();
    const { offset } = follower.log;
    if (isLast) missingSince ??= beganAt;
    if (isLast) quietSince ??= beganAt;
    try {
      const { isFound, isPast, isComplete, isEmpty } = await readLog(follower, isLast);
      if (isLast && isComplete && isEmpty && (options.hasRun?.() ?? true)) await noteEmpty(follower);
      if (follower.log.offset > offset) quietSince = systemClock.now();
      // A response can be cut off without an error, before or after what the log has, and the node can still be writing: only
      // one that goes beyond it, some time later, without anything new, is the end.
      if (isLast && isComplete && follower.log.offset === offset) {
        cutOff = isPast ? 0 : cutOff + 1;
        const isSettled = beganAt - (quietSince ?? beganAt) >= timing.settleMs;
        if (isSettled && (isPast || cutOff >= maxCutOff)) return await finish(follower, isFound || isAtEnd);
        await sleep(timing.settleMs, signal);
      }
      isAtEnd = isComplete;
      notFound = 0;
      if (follower.log.offset > offset) backoff.reset();
      // The stream ends a moment before the container is known to have exited.
      await untilExit(options, isComplete ? Math.max(timing.backoff.minMs * 4, backoff.next()) : 0);
    } catch (error) {
      signal.throwIfAborted();
      isAtEnd &&= error instanceof KubeApiError;
      if (error instanceof KubeApiError) warnIfUnwatched(follower, error.message);
      const status = error instanceof KubeApiError ? error.status : undefined;
      notFound = status === 404 ? notFound + 1 : 0;
      if (notFound >= maxNotFound) return await finish(follower, isAtEnd);
      // The container has exited before it had a log.
      if (isLast && status === 400) return await finish(follower, true);
      if (missingSince !== undefined) {
        // As long as more of it arrives, the end is worth waiting for.
        if (follower.log.offset > offset) [missingSince, awayMs] = [systemClock.now(), 0];
        else if (await isServerAway(follower, error)) awayMs += systemClock.now() - beganAt;
        const missingMs = systemClock.now() - missingSince;
        const giveUpMs = isNodeLost(follower) ? timing.giveUpLostMs : timing.giveUpMs;
        if (missingMs - awayMs >= giveUpMs || missingMs >= timing.giveUpUnreachableMs) {
          logger.warn('cannot read end of job log', { job_id: job.jobId, error });
          return await finish(follower, false);
        }
      }
      logger.debug('cannot follow job log, retrying', { job_id: job.jobId, error });
      const delayMs = backoff.next(error instanceof KubeApiError ? error.retryAfterMs : 0);
      await (isLast ? sleep(delayMs, signal) : untilExit(options, delayMs));
    }
  }
}

/** Whether the API server does not respond at all, which says nothing about the node. For a node that hangs, it waits too. */
async function isServerAway({ options, timing }: Follower, error: unknown): Promise<boolean> {
  if (error instanceof KubeApiError || error instanceof StalledStream) return false;
  const { api, podName, signal } = options;
  try {
    await api.request('GET', pathOf(api, 'pods', podName), { signal, timeoutMs: timing.lingerMs });
    return false;
  } catch (failure) {
    signal.throwIfAborted();
    return !(failure instanceof KubeApiError);
  }
}

async function untilExit({ exited, signal }: Follower['options'], maxMs: number): Promise<void> {
  await sleep(maxMs, AbortSignal.any([exited, signal])).catch(() => {});
  signal.throwIfAborted();
}

async function finish({ options, log, ownLines, checkpoint, lastTime }: Follower, isWhole: boolean): Promise<void> {
  await ownLines.copy().catch(() => {});
  if (isWhole) return;
  const after = lastTime || checkpoint.current.time;
  const since = after === '' ? '' : ` after ${after}`;
  const { logger, job } = options;
  await log
    .writeLastLine(`[plan42: output may be missing here: the node did not return the end of its log${since}]`)
    .catch((error: unknown) => logger.warn('cannot write job log', { job_id: job.jobId, error }));
}

/** The container has exited, and the node has not even the line with which its log began. */
async function noteEmpty({ checkpoint }: Follower): Promise<void> {
  const text = rotated('before it was read');
  if (!checkpoint.current.notes.some((note) => note.text.includes(text))) await checkpoint.writeNote(text);
}
