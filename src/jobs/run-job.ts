/** The life of one job, from its acceptance to the end of its turn. */
import type { Config } from '../config/schema.ts';
import { withDeadline } from '../lib/deadline.ts';
import { describeError, isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { JobExit, Runtime } from '../runtimes/runtime.ts';
import { buildAgentInput, findConnection } from './agent-input.ts';
import { describeExit } from './outcome.ts';
import type { JobRecord } from './record.ts';
import type { Slots } from './slots.ts';
import type { JobStore } from './store.ts';
import type { TurnUpdates } from './turn-updates.ts';

export interface JobContext {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  slots: Slots;
  turn: TurnUpdates;
  logger: Logger;
  hostName: string;
  /** The GitHub connection that the request names. */
  connectionId: string | null | undefined;
  /** Called when the job begins to start; what it returns is disposed of when it has started or failed to. */
  noteStarting: () => Disposable;
  /** Aborted when this process no longer waits for the job; the job itself goes on. */
  detach: AbortSignal;
  /** Aborted when the job is not to be started any more: somebody killed it. */
  cancel: AbortSignal;
}

const statusTimeoutMs = 10_000;
const maxHeartbeatGapMs = 60_000;

/**
 * Takes the job from where its record says it is to its end. Rejects only with the reason of `context.detach`, and
 * then the record tells the next run of this process where to go on.
 */
export async function runJob(record: JobRecord, context: JobContext): Promise<void> {
  const { logger, store, runtime, detach } = context;
  const place = store.place(record.jobId);
  let job = record;
  using slot = new DisposableStack();
  try {
    if (job.phase === 'accepted') job = await startJob(job, context, slot);
    else if (job.phase === 'started') {
      slot.use(context.slots.occupy());
      // A crash can have come between the start and this.
      job = await recordStart(job, context);
    }
    if (job.phase === 'started') {
      const exit = await runtime.wait(place, detach);
      logger.info('the agent has ended', { exit_code: exit.exitCode, out_of_memory: exit.outOfMemory || undefined });
      job = await recordEnd(job, exit, context);
    }
  } catch (error) {
    if (detach.aborted && isAbort(error, detach)) throw error;
    job = await recordFailure(job, error, context);
  }
  slot.dispose();
  await finishJob(job, context);
}

async function startJob(record: JobRecord, context: JobContext, slot: DisposableStack): Promise<JobRecord> {
  const { config, store, runtime, turn, logger, detach, cancel } = context;
  const stop = AbortSignal.any([detach, cancel, turn.finished]);
  await using _heartbeats = startHeartbeats(turn, stop);
  slot.use(await takeSlot(context, stop));
  using _starting = context.noteStarting();
  const told = tellStatus(context, 'Pulling Agent Image on Local Runner', stop);
  await runtime.pull(record.image, config.images.pullPolicy, stop);
  logger.debug('the image is there');
  await told;
  stop.throwIfAborted();

  const request = await store.readRequest(record.jobId);
  if (request === undefined) throw new Error('the request of the job is gone');
  const connection = findConnection(config.github, context.connectionId);
  const requestFile = await store.writeInput(record.jobId, buildAgentInput(request, { turn: turn.newest, connection }));
  await runtime.start({ ...store.place(record.jobId), image: record.image, requestFile }, detach);
  const started = await recordStart(record, context);
  logger.info('the job is running', { runtime: runtime.name });
  // Whoever killed it meanwhile found nothing to kill.
  if (cancel.aborted) await runtime.kill(store.place(record.jobId), config.jobs.stopTimeoutMs);
  return started;
}

/** After a crash the runtime's own mark tells that it was started, whether or not this was reached. */
async function recordStart(record: JobRecord, { store }: JobContext): Promise<JobRecord> {
  const started: JobRecord = { ...record, phase: 'started', startedAt: record.startedAt ?? new Date().toISOString() };
  await store.update(started);
  await store.removeInput(record.jobId);
  return started;
}

// Asks for the slot before anything is awaited, so that slots go out in the order in which jobs were accepted.
async function takeSlot({ slots, ...context }: JobContext, stop: AbortSignal): Promise<Disposable> {
  const free = slots.tryTake();
  if (free) return free;
  context.logger.info('the job waits for a free slot', { max_jobs: context.config.jobs.maxJobs });
  const told = tellStatus(context, 'Waiting for a Free Slot on Local Runner', stop);
  const [slot] = await Promise.all([slots.take(stop), told]);
  return slot;
}

/** A status is worth a little time, but a job does not wait for an unreachable server. */
async function tellStatus(
  { turn, logger }: Pick<JobContext, 'turn' | 'logger'>,
  status: string,
  stop: AbortSignal,
): Promise<void> {
  try {
    await withDeadline(statusTimeoutMs, stop, (signal) => turn.setStatus(status, signal));
  } catch (error) {
    if (!stop.aborted) logger.warn('the turn’s status could not be updated', { status, error });
  }
}

/** Signs of life at random intervals, until it is disposed of. */
function startHeartbeats(turn: TurnUpdates, stop: AbortSignal): AsyncDisposable {
  const end = new AbortController();
  const signal = AbortSignal.any([stop, end.signal]);
  const beats = (async () => {
    while (!signal.aborted) {
      await sleep(Math.random() * maxHeartbeatGapMs, signal);
      await turn.heartbeat(signal);
    }
  })().catch(() => {});
  return {
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await beats;
    },
  };
}

async function recordEnd(record: JobRecord, exit: JobExit, { store, hostName }: JobContext): Promise<JobRecord> {
  const killed = await store.isKilled(record.jobId);
  const ended: JobRecord = {
    ...record,
    phase: 'ended',
    killed,
    endedAt: exit.endedAt.toISOString(),
    failure: describeExit({ ...record, killed }, exit, hostName),
    ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
  };
  await store.update(ended);
  return ended;
}

async function recordFailure(
  record: JobRecord,
  error: unknown,
  { store, logger, cancel, turn }: JobContext,
): Promise<JobRecord> {
  const failure = cancel.aborted ? 'The agent was killed by user before it started.' : `${describeError(error)}.`;
  if (cancel.aborted) logger.info('the job was killed before it started');
  else if (turn.finished.aborted) logger.info('the turn was finished before the job started');
  else logger.error('the job failed', { error });
  const ended: JobRecord = { ...record, phase: 'ended', endedAt: new Date().toISOString(), failure };
  await store.update(ended);
  await store.removeInput(record.jobId);
  return ended;
}

async function finishJob(record: JobRecord, { store, runtime, turn, logger, detach }: JobContext): Promise<void> {
  const endedAt = new Date(record.endedAt ?? Date.now());
  await turn.fail(record.failure ?? 'The agent has ended.', endedAt, detach);
  await runtime.remove(store.place(record.jobId));
  await store.finish(record);
  logger.info('the job is finished');
}
