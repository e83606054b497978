/**
 * Follows the log of a pod into the log of its job. A checkpoint on disk says where in the job's log a line with a certain time
 * begins, so that after each break, also of the runner itself, what the log has is compared and the rest is appended.
 */
import { Backoff } from '../../../lib/backoff.ts';
import { systemClock } from '../../../lib/clock.ts';
import { isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import { type JobPaths, openSegmentWriter, type SegmentWriter } from '../../../shim/shim.ts';
import { type KubeApi, KubeApiError } from '../api/kube-api.ts';
import { type CheckpointFile, openCheckpoint, writtenSince } from './checkpoint.ts';
import { type OwnLines, openOwnLines } from './own-lines.ts';
import { readBlocks } from './read-blocks.ts';
import { type Batch, createResume, type Resume } from './resume.ts';
import { createTimestampReader } from './timestamps.ts';

/** Durations in milliseconds. */
export interface LogTiming {
  tickMs: number;
  /** A silent connection is compared with a short request after this time, then after twice of it, and so on. */
  firstProbeMs: number;
  maxProbeMs: number;
  /** How long a stream may be silent after the container has exited, or if it should only return what there is. */
  lingerMs: number;
  /** How long the rest of a log is requested after its container has exited: its node can be gone. */
  giveUpMs: number;
  /** The same while the API server cannot be reached. */
  giveUpUnreachableMs: number;
  backoff: { minMs: number; maxMs: number };
}

const defaultTiming: LogTiming = {
  tickMs: 1000,
  firstProbeMs: 30_000,
  maxProbeMs: 480_000,
  lingerMs: 10_000,
  giveUpMs: 120_000,
  giveUpUnreachableMs: 900_000,
  backoff: { minMs: 500, maxMs: 10_000 },
};

export interface FollowLogOptions {
  api: KubeApi;
  job: JobPaths;
  podName: string;
  container?: string;
  maxLogBytes: number;
  /** Aborted when the agent's container has exited. */
  exited: AbortSignal;
  /** Whether the container was started, as far as it is known when it has exited. */
  hasRun?: () => boolean;
  logger: Logger;
  signal: AbortSignal | undefined;
  /** For tests. */
  timing?: Partial<LogTiming>;
}

interface Follower {
  options: FollowLogOptions & { signal: AbortSignal };
  timing: LogTiming;
  log: SegmentWriter;
  checkpoint: CheckpointFile;
  ownLines: OwnLines;
  /** Time of the newest output in the log, if this run has read it. */
  lastTime: string;
  /** When the lines of other processes were last looked for. */
  linesAt: number;
  /** Whether the runner's log has why the node cannot follow the log. */
  isWarned: boolean;
}

/** The words of a kubelet that cannot watch the file of a log: then it ends each stream at the end of what there is. */
const cannotWatch = /failed to (?:create fsnotify watcher|watch directory [^:\n]+): [^\n]{1,100}/;

/** A stream that returned nothing new although there was something. */
class StalledStream extends Error {
  override readonly name = 'StalledStream';
}

const maxNotFound = 3;
const maxWordsBytes = 300;
const newline = 0x0a;

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
  let deadline: number | undefined;
  for (;;) {
    const isLast = exited.aborted;
    const beganAt = systemClock.now();
    const { offset } = follower.log;
    if (isLast) deadline ??= beganAt + timing.giveUpMs;
    try {
      const { isFound, isComplete, isEmpty } = await readLog(follower, isLast);
      if (isLast && isComplete && isEmpty && (options.hasRun?.() ?? true)) await noteEmpty(follower);
      // A response can be cut off without an error, and the node can still be writing: only one without anything new is the end.
      if (isLast && isComplete && follower.log.offset === offset) return await finish(follower, isFound || isAtEnd);
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
      if (deadline !== undefined) {
        // As long as more of it arrives, the end is worth waiting for.
        if (follower.log.offset > offset) deadline = systemClock.now() + timing.giveUpMs;
        if (isUnreachable(error))
          deadline = Math.min(deadline + systemClock.now() - beganAt, beganAt + timing.giveUpUnreachableMs);
        if (systemClock.now() > deadline) {
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

function warnIfUnwatched(follower: Follower, words: string): void {
  const [reason] = cannotWatch.exec(words) ?? [];
  if (reason === undefined || follower.isWarned) return;
  follower.isWarned = true;
  const { logger, job } = follower.options;
  logger.warn('node cannot follow job log, output arrives late', {
    job_id: job.jobId,
    reason,
    remedy: 'Raise fs.inotify.max_user_instances and fs.inotify.max_user_watches of the node.',
  });
}

/** The API server itself does not respond, which says nothing about the node. */
function isUnreachable(error: unknown): boolean {
  return !(error instanceof KubeApiError || error instanceof StalledStream);
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

function openStream({ options, checkpoint }: Follower, signal: AbortSignal, isFollowing: boolean) {
  const { api, podName, container = 'agent' } = options;
  const { time } = checkpoint.current;
  const path = `/api/v1/namespaces/${encodeURIComponent(api.namespace)}/pods/${encodeURIComponent(podName)}/log`;
  const query = {
    container,
    timestamps: 'true',
    ...(isFollowing && { follow: 'true' }),
    // In whole seconds, as the API has them; one earlier, because lines of one moment can be in the wrong order.
    ...(time !== '' && {
      sinceTime: new Date(Date.parse(`${time.slice(0, 19)}Z`) - 1000).toISOString().replace('.000', ''),
    }),
  };
  return api.stream(path, { query, signal });
}

function compareWith({ checkpoint, log }: Follower): Resume {
  return createResume(checkpoint.current.time, writtenSince(checkpoint.current, log));
}

/** The container has exited, and the node has not even the line with which its log began. */
async function noteEmpty({ checkpoint }: Follower): Promise<void> {
  const text = rotated('before it was read');
  if (!checkpoint.current.notes.some((note) => note.text.includes(text))) await checkpoint.writeNote(text);
}

interface ReadResult {
  /** Whether the log went on where it should. */
  isFound: boolean;
  /** Whether the stream ended, and was not ended by us. */
  isComplete: boolean;
  /** Whether nothing of the log was ever there. */
  isEmpty: boolean;
}

async function readLog(follower: Follower, isLast: boolean): Promise<ReadResult> {
  const { options, timing, ownLines, checkpoint } = follower;
  const { exited, signal } = options;
  using stop = abortOnLeave(signal);
  const stream = await openStream(follower, stop.signal, !isLast);
  const read = createTimestampReader((bytes) => warnIfUnwatched(follower, bytes.toString('utf8', 0, maxWordsBytes)));
  const resume = compareWith(follower);
  const from = checkpoint.current.time;
  let lastBlockAt = systemClock.now();
  let probeMs = timing.firstProbeMs;
  const silentMs = () => systemClock.now() - lastBlockAt;
  const isComplete = await readBlocks(stream, {
    tickMs: timing.tickMs,
    async onBlock(block) {
      lastBlockAt = systemClock.now();
      await writeBatch(follower, resume.next(read(block)));
    },
    async onSilence() {
      if (await ownLines.hasNew()) await ownLines.copy();
      if (isLast && silentMs() > timing.lingerMs) throw new StalledStream('the log of the node does not end');
      if (exited.aborted && silentMs() > timing.lingerMs) return true;
      if (silentMs() < probeMs) return false;
      const offset = follower.log.offset;
      probeMs = Math.min(timing.maxProbeMs, probeMs * 2);
      return (await hasNews(follower)) && follower.log.offset === offset;
    },
  });
  const rest = resume.end();
  if (rest.bytes.length > 0) await writeBatch(follower, rest);
  const isFound = resume.isFound || from === '';
  return { isFound, isComplete, isEmpty: from === '' && !resume.isFound && !resume.hasStart };
}

/** Whether a short request finds output that the log does not have: a connection can be dead without an error. */
async function hasNews(follower: Follower): Promise<boolean> {
  const { options, timing } = follower;
  using stop = abortOnLeave(options.signal);
  try {
    const read = createTimestampReader();
    const resume = compareWith(follower);
    let isNew = false;
    await readBlocks(await openStream(follower, stop.signal, false), {
      tickMs: timing.lingerMs,
      onBlock: async (block) => {
        isNew ||= resume.next(read(block)).bytes.length > 0;
        if (isNew) stop.abort(new Error('found'));
      },
      onSilence: async () => true,
    }).catch((error: unknown) => {
      if (!isNew) throw error;
    });
    return isNew || resume.end().bytes.length > 0;
  } catch {
    options.signal.throwIfAborted();
    return false;
  }
}

function abortOnLeave(signal: AbortSignal) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    abort: (reason: Error) => controller.abort(reason),
    [Symbol.dispose]() {
      signal.removeEventListener('abort', abort);
      controller.abort();
    },
  };
}

const rotated = (when: string) =>
  `[plan42: output may be missing here: the node rotated its log ${when}; how much is unknown]`;

async function writeBatch(follower: Follower, { lost, firstTime, last, bytes }: Batch): Promise<void> {
  const { log, checkpoint, ownLines } = follower;
  if (lost !== undefined) {
    const from = follower.lastTime > lost.from ? follower.lastTime : lost.from;
    const when =
      from === '' ? `before ${lost.to}, before it was read` : `between ${from} and ${lost.to}, while it was not read`;
    await checkpoint.writeNote(rotated(when), { time: lost.to });
  } else if (firstTime !== undefined && checkpoint.current.time === '') await checkpoint.begin(firstTime);
  if (last !== undefined) {
    follower.lastTime = last.time;
    await checkpoint.prepare({ time: last.time, offset: log.offset + last.before });
  }
  if (await areLinesDue(follower)) {
    const cut = bytes.lastIndexOf(newline) + 1;
    await log.write(bytes.subarray(0, cut));
    await checkpoint.commit();
    if (log.isAtLineStart) await ownLines.copy();
    await log.write(bytes.subarray(cut));
    return;
  }
  await log.write(bytes);
  await checkpoint.commit();
}

async function areLinesDue(follower: Follower): Promise<boolean> {
  const now = systemClock.now();
  if (now - follower.linesAt < follower.timing.tickMs) return false;
  follower.linesAt = now;
  return follower.ownLines.hasNew();
}
