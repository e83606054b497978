/** The life of one job, from its acceptance to the end of its turn. */
import type { Config, Connection } from '../config/schema.ts';
import type { GithubConnections } from '../github/connections.ts';
import { loggable } from '../github/errors.ts';
import { fetchTaskFeedback, type PullRequestId } from '../github/feedback/task-feedback.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retryForever } from '../lib/retry.ts';
import { sleep } from '../lib/sleep.ts';
import type { Slots } from '../lib/slots.ts';
import type { FeedBack, InvokeAgentRequest } from '../plan42/messages.ts';
import type { JobExit, Runtime } from '../runtimes/runtime.ts';
import { buildAgentInput } from './agent-input.ts';
import { pullRequestsToCheck } from './feedback.ts';
import { pullImage } from './images/pull-image.ts';
import { describeExit, describeFailure } from './outcome.ts';
import type { JobRecord } from './record.ts';
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
  /** Of commands that shall find this runner. */
  placeOption: string;
  github: GithubConnections;
  /** The request, if it can be read. */
  invocation: InvokeAgentRequest | undefined;
  /** Called when the job has to wait for something else than a slot; disposed of when it need not any more. */
  noteWaiting: () => Disposable;
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
      // That it can't be looked at, for want of file descriptors say, is no end: what is given up would be removed.
      const watching = { failure: 'cannot watch job, retrying', logger, signal: detach };
      const exit = await retryForever(() => runtime.wait(place, detach), watching);
      logger.info('the agent has ended', { exit_code: exit.exitCode, out_of_memory: exit.outOfMemory || undefined });
      job = await describeEnd(job, exit, context);
    }
  } catch (error) {
    if (detach.aborted && isAbort(error, detach)) throw error;
    job = await endWithFailure(job, error, context);
  }
  slot.dispose();
  await finishJob(job, context);
}

async function startJob(record: JobRecord, context: JobContext, slot: DisposableStack): Promise<JobRecord> {
  const { config, store, runtime, turn, logger, detach, cancel } = context;
  const stop = AbortSignal.any([detach, cancel, turn.finished]);
  await using _heartbeats = startHeartbeats(turn, stop);
  const pullRequests = pullRequestsToCheck(context.invocation);
  // Only where it has to, since nothing is to be awaited before a slot is asked for.
  const feedback = pullRequests.length === 0 ? undefined : await checkForFeedback(pullRequests, context, stop);
  slot.use(await takeSlot(record, context, stop));
  using _starting = context.noteStarting();
  const told = tellStatus(context, 'Pulling Agent Image on Local Runner', stop);
  await using _image = await pullImage(record, context, stop);
  logger.debug('the image is there');
  await told;
  stop.throwIfAborted();

  const request = await store.readRequest(record.jobId);
  if (request === undefined) throw new Error('the request of the job is gone');
  const connection = findConnection(context);
  const input = buildAgentInput(request, { turn: turn.newest, connection, feedback });
  const requestFile = await store.writeInput(record.jobId, input);
  const maxLogBytes = config.jobs.maxLogMib * 2 ** 20;
  const place = store.place(record.jobId);
  try {
    await runtime.start({ ...place, image: record.image, requestFile, maxLogBytes }, detach);
  } catch (error) {
    detach.throwIfAborted();
    // What the last run began, just before it was killed, can come to life only now.
    if (!(await runtime.wasStarted(place))) throw error;
  }
  const started = await recordStart(record, context);
  logger.info('the job is running', { runtime: runtime.name });
  // Whoever killed it meanwhile found nothing to kill.
  if (cancel.aborted) {
    const kill = () => runtime.kill(place, config.jobs.stopTimeoutMs);
    await retryForever(kill, { failure: 'cannot kill job, retrying', logger, signal: detach });
  }
  return started;
}

function findConnection({ github, invocation, logger }: JobContext): Connection | undefined {
  const id = invocation?.PrivateGithubConnectionID;
  const connection = github.find(id);
  if (id && !connection?.token) {
    const remedy = connection
      ? 'set the token of the [github.<name>] table with this connection_id'
      : 'add a [github.<name>] table with this connection_id and a token';
    logger.warn('the agent has no access to GitHub', { connection_id: id, remedy });
  }
  return connection;
}

/** After a crash the runtime's own mark tells that it was started, whether or not this was reached. */
async function recordStart(record: JobRecord, context: JobContext): Promise<JobRecord> {
  const started: JobRecord = { ...record, phase: 'started', startedAt: record.startedAt ?? new Date().toISOString() };
  await tryToUpdate(started, context);
  await context.store.removeInput(record.jobId);
  return started;
}

/** A restart on the way begins it anew. */
async function checkForFeedback(
  pullRequests: readonly PullRequestId[],
  context: JobContext,
  stop: AbortSignal,
): Promise<FeedBack> {
  using _waiting = context.noteWaiting();
  const told = tellStatus(context, 'Checking for PR Feedback', stop);
  const id = context.invocation?.PrivateGithubConnectionID;
  // With the client of the moment, whose token may be another than at first.
  const feedback = await fetchTaskFeedback((call) => context.github.withClient(id, call), pullRequests, stop);
  context.logger.info('the feedback on pull requests is there', { pull_requests: pullRequests.length });
  await told;
  return feedback;
}

/** Writes the record if that is possible, which on a full disk it is not: for now it can be found out again what it says. */
async function tryToUpdate(record: JobRecord, { store, logger }: JobContext): Promise<boolean> {
  try {
    await store.update(record);
    return true;
  } catch (error) {
    logger.warn('the job’s record could not be written; the job goes on', { error });
    return false;
  }
}

// Asks for the slot before anything is awaited, so that slots go out in the order in which jobs arrived. Who had to wait for
// feedback first gets its place in that order back, as far as slots are not taken yet.
async function takeSlot(
  { arrival }: JobRecord,
  { slots, ...context }: JobContext,
  stop: AbortSignal,
): Promise<Disposable> {
  const free = slots.tryTake();
  if (free) return free;
  context.logger.info('the job waits for a free slot', { max_jobs: context.config.jobs.maxJobs });
  const told = tellStatus(context, 'Waiting for a Free Slot on Local Runner', stop);
  const [slot] = await Promise.all([slots.take(stop, arrival), told]);
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

async function describeEnd(record: JobRecord, exit: JobExit, context: JobContext): Promise<JobRecord> {
  const { store, hostName, placeOption, cancel } = context;
  const killed = cancel.aborted || (await store.isKilled(record.jobId));
  const ended: JobRecord = {
    ...record,
    phase: 'ended',
    killed,
    endedAt: exit.endedAt.toISOString(),
    failure: describeExit({ ...record, killed }, exit, hostName, placeOption),
    ...(exit.exitCode === undefined ? {} : { exitCode: exit.exitCode }),
  };
  return ended;
}

async function endWithFailure(record: JobRecord, error: unknown, context: JobContext): Promise<JobRecord> {
  const { store, logger, cancel, turn, hostName } = context;
  const failure = cancel.aborted ? 'The agent was killed by user before it started.' : describeFailure(error, hostName);
  if (cancel.aborted) logger.info('the job was killed before it started');
  else if (turn.finished.aborted) logger.info('the turn was finished before the job started');
  else logger.error('the job failed', { error: loggable(error) });
  const killed = cancel.aborted ? { killed: true } : {};
  const ended: JobRecord = { ...record, phase: 'ended', endedAt: new Date().toISOString(), failure, ...killed };
  await store.removeInput(record.jobId);
  return ended;
}

async function finishJob(record: JobRecord, context: JobContext): Promise<void> {
  const { store, runtime, turn, logger, detach } = context;
  const endedAt = new Date(record.endedAt ?? Date.now());
  // Before the server is told, which can take days.
  await store.removeInput(record.jobId);
  const until = { logger, signal: detach };
  const isRecorded = await tryToUpdate(record, context);
  const cleanUp = async () => {
    // Until the end is on disk, it can be found out only from what is removed here.
    const update = async () => {
      // Somebody can have removed the folder, and then there is nothing to find out from.
      if (!isRecorded && (await store.isActive(record.jobId))) await store.update(record);
    };
    await retryForever(update, { ...until, failure: 'cannot save job result, retrying' });
    const remove = () => runtime.remove(store.place(record.jobId));
    await retryForever(remove, { ...until, failure: 'cannot remove job from runtime, retrying' });
  };
  // Neither has to wait for the other: the server can be away, and so can the engine.
  await Promise.all([turn.fail(record.failure ?? 'The agent has ended.', endedAt, detach), cleanUp()]);
  await retryForever(() => store.finish(record), { ...until, failure: 'cannot archive job record, retrying' });
  logger.info('the job is finished');
}
