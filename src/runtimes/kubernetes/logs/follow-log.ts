/**
 * Follows the log of a pod into the log of its job. A checkpoint on disk says at which byte of the job's log the line with a
 * certain timestamp begins, so that another run of the runner continues without a gap and without repetition.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { systemClock } from '../../../lib/clock.ts';
import { isAbort } from '../../../lib/errors.ts';
import { writeDurably } from '../../../lib/files.ts';
import { parseJson } from '../../../lib/json.ts';
import type { Logger } from '../../../lib/logger.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { sleep } from '../../../lib/sleep.ts';
import { type JobPaths, openSegmentWriter, type SegmentWriter } from '../../../shim/shim.ts';
import { type KubeApi, KubeApiError } from '../api/kube-api.ts';
import { agentContainer } from '../manifest/names.ts';
import { createTimestampReader, type Output } from './timestamps.ts';

const Checkpoint = v.object({ time: v.string(), offset: v.number() });
type Checkpoint = v.InferOutput<typeof Checkpoint>;

const checkpointFile = 'kubernetes-log.json';
const saveEveryMs = 5000;
const backoffMs = { first: 200, most: 5000 };
/** How long the rest of a log is requested after its container has exited. Its node can be gone. */
const giveUpAfterMs = 120_000;

export interface FollowLogOptions {
  api: KubeApi;
  job: JobPaths;
  podName: string;
  maxLogBytes: number;
  /** Aborted when the agent's container has exited. */
  exited: AbortSignal;
  logger: Logger;
  signal: AbortSignal | undefined;
}

/** Resolves when the log is complete, or as complete as the cluster has it. Rejects only with the reason of the signal. */
export async function followLog(options: FollowLogOptions): Promise<void> {
  const { job, exited, logger, signal = new AbortController().signal } = options;
  await using writer = await openSegmentWriter(job.logFile, options.maxLogBytes);
  const position = await openPosition(job);
  await using _save = { [Symbol.asyncDispose]: () => position.save() };
  let failures = 0;
  let exitedAt: number | undefined;
  for (;;) {
    const isLast = exited.aborted;
    if (isLast) exitedAt ??= systemClock.now();
    try {
      await readLog({ ...options, signal }, writer, position, !isLast);
      if (isLast) return;
      failures = 0;
      // It ends a moment before the container is known to have exited. Then it is read again, because it may have been cut off.
      await untilExit(exited, backoffMs.first * 5, signal);
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      signal.throwIfAborted();
      // The pod is gone, and its log with it.
      if (error instanceof KubeApiError && error.status === 404) return;
      if (exitedAt !== undefined && systemClock.now() - exitedAt > giveUpAfterMs) {
        logger.warn('cannot read end of job log', { error });
        await writer.write(Buffer.from('[plan42: the end of the output is missing: its node did not return it]\n'));
        return;
      }
      failures += 1;
      logger.debug('cannot follow job log, retrying', { error });
      await sleep(Math.min(backoffMs.most, backoffMs.first * 2 ** failures), signal);
    }
  }
}

async function untilExit(exited: AbortSignal, maxMs: number, signal: AbortSignal): Promise<void> {
  const either = AbortSignal.any([exited, signal]);
  await sleep(maxMs, either).catch(() => {});
  signal.throwIfAborted();
}

interface Position {
  readonly at: Checkpoint | undefined;
  move(to: Checkpoint): Promise<void>;
  save(): Promise<void>;
}

async function openPosition({ folder }: JobPaths): Promise<Position> {
  const path = join(folder, checkpointFile);
  const text = await readTextIfExists(path);
  const parsed = text === undefined ? undefined : v.safeParse(Checkpoint, parseJson(text));
  let at = parsed?.success ? parsed.output : undefined;
  let saved = at;
  let savedAt = -Infinity;
  const save = async () => {
    if (at === undefined || at === saved) return;
    saved = at;
    savedAt = systemClock.now();
    await writeDurably(path, JSON.stringify(at));
  };
  return {
    get at() {
      return at;
    },
    async move(to) {
      at = to;
      if (systemClock.now() - savedAt >= saveEveryMs) await save();
    },
    save,
  };
}

async function readLog(
  { api, podName, signal }: FollowLogOptions & { signal: AbortSignal },
  writer: SegmentWriter,
  position: Position,
  isFollowing: boolean,
): Promise<void> {
  const from = position.at;
  const query = {
    container: agentContainer,
    timestamps: 'true',
    ...(isFollowing && { follow: 'true' }),
    // The API has whole seconds.
    ...(from && { sinceTime: from.time.replace(/\.\d+/, '') }),
  };
  const stop = new AbortController();
  using _stop = { [Symbol.dispose]: () => stop.abort() };
  const path = `/api/v1/namespaces/${encodeURIComponent(api.namespace)}/pods/${encodeURIComponent(podName)}/log`;
  const stream = await api.stream(path, { query, signal: AbortSignal.any([signal, stop.signal]) });
  const read = createTimestampReader();
  const resume = createResume(from, writer.offset);
  for await (const block of stream) {
    const { bytes, checkpoint } = resume(read(block));
    if (bytes.length > 0) await writer.write(bytes);
    if (checkpoint !== undefined) await position.move(checkpoint);
  }
}

const lost = Buffer.from('[plan42: output is missing here: its node has dropped it from its log]\n');

/**
 * Returns a function that returns what is new in the outputs of a stream, and the newest checkpoint in them.
 * @param written how many bytes of the output are in the job's log
 */
export function createResume(
  from: Checkpoint | undefined,
  written: number,
): (outputs: readonly Output[]) => { bytes: Buffer; checkpoint: Checkpoint | undefined } {
  let isFound = from === undefined;
  /** Position of the next byte of the stream in the job's log. */
  let offset = from?.offset ?? 0;
  let lastTime = '';
  return (outputs) => {
    const fresh: Buffer[] = [];
    let checkpoint: Checkpoint | undefined;
    for (const { time, isStart, bytes } of outputs) {
      if (from !== undefined && !isFound) {
        if (!isStart || time < from.time) continue;
        isFound = true;
        if (time !== from.time) {
          fresh.push(lost);
          offset = written + lost.length;
        }
      }
      // Several lines can have the same time: only the first one is found again.
      if (isStart && time !== lastTime) {
        checkpoint = { time, offset };
        lastTime = time;
      }
      const known = Math.min(bytes.length, Math.max(0, written - offset));
      if (known < bytes.length) fresh.push(bytes.subarray(known));
      offset += bytes.length;
    }
    return { bytes: Buffer.concat(fresh), checkpoint };
  };
}
