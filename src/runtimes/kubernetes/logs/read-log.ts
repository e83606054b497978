/** Reads the log of a pod once, from the checkpoint on, into the log of the job. */
import { systemClock } from '../../../lib/clock.ts';
import { pathOf } from '../paths.ts';
import { writtenSince } from './checkpoint.ts';
import { type Follower, isNodeLost } from './follower.ts';
import { readBlocks } from './read-blocks.ts';
import { createResume, type Resume } from './resume.ts';
import { createTimestampReader } from './timestamps.ts';
import { writeBatch } from './write-batch.ts';

/** The words of a kubelet that cannot watch the file of a log: then it ends each stream at the end of what there is. */
const cannotWatch = /failed to (?:create fsnotify watcher|watch directory [^:\n]+): [^\n]{1,100}/;

/** A stream that returned nothing new although there was something. */
export class StalledStream extends Error {
  override readonly name = 'StalledStream';
}

const maxWordsBytes = 300;

export interface ReadResult {
  /** Whether the log went on where it should. */
  isFound: boolean;
  /** Whether the stream had all that the log has. */
  isPast: boolean;
  /** Whether the stream ended, and was not ended by us. */
  isComplete: boolean;
  /** Whether nothing of the log was ever there. */
  isEmpty: boolean;
}

export async function readLog(follower: Follower, isLast: boolean): Promise<ReadResult> {
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
  return { isFound, isPast: resume.isPast, isComplete, isEmpty: from === '' && !resume.isFound && !resume.hasStart };
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

export function warnIfUnwatched(follower: Follower, words: string): void {
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

function openStream(follower: Follower, signal: AbortSignal, isFollowing: boolean) {
  const { options, checkpoint, timing } = follower;
  const { api, podName, container = 'agent' } = options;
  const { time } = checkpoint.current;
  const query = {
    container,
    timestamps: 'true',
    ...(isFollowing && { follow: 'true' }),
    // In whole seconds, as the API has them; one earlier, because lines of one moment can be in the wrong order.
    ...(time !== '' && {
      sinceTime: new Date(Date.parse(`${time.slice(0, 19)}Z`) - 1000).toISOString().replace('.000', ''),
    }),
  };
  const limits = isNodeLost(follower) ? { headersTimeoutMs: timing.giveUpLostMs } : {};
  return api.stream(`${pathOf(api, 'pods', podName)}/log`, { query, signal, ...limits });
}

function compareWith({ checkpoint, log }: Follower): Resume {
  return createResume(checkpoint.current.time, writtenSince(checkpoint.current, log));
}
