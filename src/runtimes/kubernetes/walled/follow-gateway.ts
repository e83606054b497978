/**
 * Reads what the gateway in a pod reports, from the log of the pod, into the files that gateways on this machine write: the report,
 * the calls of models, and the lines for the log of the job. This is the only writer of these files.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { parseUsage, usageFile } from '../../../gateway/models/ledger.ts';
import {
  aliveIntervalMs,
  type Message,
  parseMessage,
  parseReachedLimit,
  type ReachedLimit,
} from '../../../gateway/pod/channel.ts';
import { reportFile } from '../../../gateway/policy.ts';
import { writeReport } from '../../../gateway/report.ts';
import { Backoff } from '../../../lib/backoff.ts';
import { formatError, isAbort } from '../../../lib/errors.ts';
import { appendDurably, createFile, exists, makeFolder, writeDurably } from '../../../lib/files.ts';
import { tryParseJson } from '../../../lib/json.ts';
import type { Logger } from '../../../lib/logger.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { sleep } from '../../../lib/sleep.ts';
import { createLogInput, type JobPaths, logLinesFile } from '../../../shim/shim.ts';
import { isNotFound, type KubeApi } from '../api/kube-api.ts';
import { readBlocks } from '../logs/read-blocks.ts';
import { gatewayName } from '../manifest/names.ts';
import { pathOf } from '../paths.ts';
import { egressFolder } from './gateway-files.ts';
import { gatewayContainer } from './manifests.ts';

interface FollowOptions {
  api: KubeApi;
  /** The name of the Job. */
  name: string;
  /** Called when the job has reached a limit, also if another run of the runner has read that. */
  onReached?: (reached: ReachedLimit) => void;
  /** Aborted when the gateway's pod is being removed, after the exit of the agent. */
  ending: AbortSignal;
  logger: Logger;
  signal: AbortSignal;
}

const Position = v.object({ run: v.number(), n: v.number() });
type Position = v.InferOutput<typeof Position>;
/** In the folder of the gateway: the message that was read last. */
const positionFile = 'read.json';
/** In the folder of the gateway. */
const reachedFile = 'reached.json';
const tickMs = 1000;
const maxNotFound = 3;
/** A line of the log has a whole report at most. */
const maxLineBytes = 4 * 2 ** 20;

/** Resolves at the last message, or when the pod is gone. Rejects only with the reason of the signal. */
export async function followGateway(job: JobPaths, options: FollowOptions): Promise<void> {
  const { logger, signal, ending } = options;
  const backoff = new Backoff({ minMs: 250, maxMs: 5000 });
  let notFound = 0;
  for (;;) {
    try {
      const sink = await openSink(job, options);
      if (await readOnce(sink, options, () => backoff.reset())) return;
      notFound = 0;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      notFound = isNotFound(error) ? notFound + 1 : 0;
      if (notFound >= maxNotFound) return;
      logger.debug('cannot follow egress gateway, retrying', { job_id: job.jobId, error: formatError(error) });
    }
    await sleep(ending.aborted ? 100 : backoff.next(), signal);
  }
}

/** Returns whether the last message was read. */
async function readOnce(sink: Sink, { api, name, signal }: FollowOptions, onNews: () => void): Promise<boolean> {
  using stop = new DisposableStack();
  const closing = new AbortController();
  stop.defer(() => closing.abort());
  const path = `${pathOf(api, 'pods', gatewayName(name))}/log`;
  const query = { container: gatewayContainer, follow: 'true' };
  const stream = await api.stream(path, { query, signal: AbortSignal.any([signal, closing.signal]) });
  let rest = Buffer.alloc(0);
  let silentMs = 0;
  let isOver = false;
  await readBlocks(stream, {
    tickMs,
    async onBlock(block) {
      silentMs = 0;
      rest = Buffer.concat([rest, block]);
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const message = parseMessage(rest.toString('utf8', 0, end));
        rest = rest.subarray(end + 1);
        if (message === undefined) continue;
        if (await sink.take(message)) onNews();
        isOver ||= message.content.kind === 'end';
      }
      if (rest.length > maxLineBytes) rest = Buffer.alloc(0);
    },
    // It reports at least so often. A connection can be dead without an error.
    async onSilence() {
      silentMs += tickMs;
      return silentMs > 2 * aliveIntervalMs;
    },
  });
  return isOver;
}

interface Sink {
  /** Returns whether the message is a new one. */
  take(message: Message): Promise<boolean>;
}

async function openSink(
  job: JobPaths,
  { logger, onReached }: Pick<FollowOptions, 'logger' | 'onReached'>,
): Promise<Sink> {
  const folder = egressFolder(job);
  await makeFolder(folder);
  if (!(await exists(logLinesFile(job)))) await createFile(logLinesFile(job));
  const writeToLog = createLogInput(job);
  let last = await readPosition(folder);
  const reached = await readReachedInPod(job);
  if (reached !== undefined) onReached?.(reached);
  let calls = parseUsage((await readTextIfExists(join(folder, usageFile))) ?? '').length;

  return {
    async take({ run, n, content }) {
      // The log is that of one container: another run is a later one.
      if (run === last?.run && n <= last.n) return false;
      if (content.kind === 'line') writeToLog(`${content.text.replaceAll(/[\r\n]+/g, ' ')}\n`);
      if (content.kind === 'report') await writeReport(join(folder, reportFile), content.report);
      if (content.kind === 'call' && content.index === calls) {
        await appendDurably(join(folder, usageFile), `${content.entry}\n`);
        calls += 1;
      }
      if (content.kind === 'notice')
        logger.warn('job has used most of a limit', { job_id: job.jobId, limit: content.limit });
      if (content.kind === 'reached' && (await readReachedInPod(job)) === undefined) {
        await writeDurably(join(folder, reachedFile), JSON.stringify(content.reached));
        onReached?.(content.reached);
      }
      last = { run, n };
      if (content.kind !== 'alive') await writeDurably(join(folder, positionFile), JSON.stringify(last));
      return true;
    },
  };
}

/** The limit at which the gateway has ended the agent. Undefined if it has not. */
export async function readReachedInPod(job: Pick<JobPaths, 'folder'>): Promise<ReachedLimit | undefined> {
  return parseReachedLimit((await readTextIfExists(join(egressFolder(job), reachedFile))) ?? '');
}

async function readPosition(folder: string): Promise<Position | undefined> {
  const parsed = v.safeParse(Position, tryParseJson((await readTextIfExists(join(folder, positionFile))) ?? ''));
  return parsed.success ? parsed.output : undefined;
}
