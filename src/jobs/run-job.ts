/**
 * The life of one job, from top to bottom: feedback, slot, pull, start, exit, final status. The record on disk says how far it
 * is, so that the next run of the runner can continue from there.
 */
import { isAbort } from '../lib/errors.ts';
import { hasLimits } from '../limits/limits.ts';
import { waitingForSlotStatus } from '../plan42/turn-status.ts';
import { hasContainersHere } from '../runtimes/runtime.ts';
import { refreshCredentials } from './credentials/broker-of-job.ts';
import { decideEgress } from './egress/decide-egress.ts';
import { fetchFeedback } from './feedback.ts';
import { finishJob, PullFailure, recordFailure } from './finish-job.ts';
import { githubRepos } from './github-repos.ts';
import { pullImage } from './images/pull-image.ts';
import type { JobContext } from './job-context.ts';
import { limitJob } from './limit-job.ts';
import { reportStatus, startHeartbeats } from './progress.ts';
import type { JobRecord } from './record.ts';
import { startAgent } from './start-agent.ts';
import { recordStart, tryToUpdate } from './update-record.ts';
import { killAgent, waitForExit } from './watch-agent.ts';
import { watchStart } from './watch-start.ts';

/** How long a container that is not created keeps others from being created. */
const maxStartTurnMs = 10_000;

/**
 * Takes the job from the phase in its record to its end, and returns its last record. Rejects only with the reason of
 * `context.detach`; the next run of the runner continues from the record.
 */
export async function runJob(record: JobRecord, context: JobContext): Promise<JobRecord> {
  const { slots, detach } = context;
  const isNew = record.phase === 'accepted';
  let job = record;
  using slot = new DisposableStack();
  try {
    if (job.phase === 'accepted') job = await startJob(job, context, slot);
    else if (job.phase === 'started') {
      slot.use(slots.occupy());
      // The previous run may have crashed between the start and this.
      job = await recordStart(job, context);
    }
    if (job.phase === 'started') {
      context.noteRunning();
      context.networks.watch(job);
      context.usages.watch(job);
      await refreshCredentials(job.jobId, context);
      await using _start = watchStart(job, isNew, context);
      job = await waitForExit(job, context);
    }
  } catch (error) {
    if (detach.aborted && isAbort(error, detach)) throw error;
    job = await recordFailure(job, error, context);
  }
  slot.dispose();
  await finishJob(job, context);
  return job;
}

async function startJob(record: JobRecord, context: JobContext, slot: DisposableStack): Promise<JobRecord> {
  const { runtime, starts, turn, logger, detach, cancel, claim } = context;
  const stop = AbortSignal.any([detach, cancel, turn.ended]);
  await using _heartbeats = startHeartbeats(context, stop);
  // Undefined at once for most jobs: they must ask for a slot before anything is awaited.
  const pending = fetchFeedback(context, stop);
  const feedback = pending === undefined ? undefined : await pending;
  slot.use(await takeSlot(record, context, stop));
  using _starting = context.noteStarting();
  // Before the pull, which would be for nothing.
  const { policy: egress, notes } = decideEgress(record, context);
  const limited = await limitJob(context, { image: record.image, egress });
  const mirroring = beginMirrors(context);
  const status = reportStatus(context, 'Pulling Agent Image on Local Runner', stop);
  logger.debug('pulling image', { image: record.image });
  await using _image = await pullImage(record, context, stop).catch((error: unknown) => {
    stop.throwIfAborted();
    throw new PullFailure(error);
  });
  const mirrors = await mirroring;
  await mirrors?.wait(stop);
  stop.throwIfAborted();

  const job: JobRecord = {
    ...record,
    network: { mode: egress?.mode ?? 'none', notes },
    ...(context.usages.isSupported && { reportsUsage: true }),
    ...(mirrors && { mirrors: mirrors.name }),
    ...(hasLimits(limited.limits) && { limits: limited.limits }),
  };
  // Before the start: mirrors that a job uses are not removed.
  if (mirrors !== undefined) await tryToUpdate(job, context);
  using start = new DisposableStack();
  const beforeLaunch = async () => {
    // The agent updates the turn as well.
    await status;
    if (hasContainersHere(runtime.name)) {
      start.use(await starts.take(stop, record.arrival));
      // An engine may have to pull the image again, or not respond.
      start.adopt(
        setTimeout(() => start.dispose(), maxStartTurnMs),
        clearTimeout,
      );
    }
    stop.throwIfAborted();
    await claim.prove(stop);
  };
  await startAgent(job, { feedback, egress, mounts: mirrors ? [mirrors.mount] : [], limited, beforeLaunch }, context);
  start.dispose();
  const started = await recordStart(job, context);
  claim.noteStarted(started);
  // A kill request that came during the start found nothing to kill.
  if (cancel.aborted) await killAgent(record.jobId, context, detach);
  return started;
}

/**
 * Jobs ask for a slot before they await anything, so that slots are given out in the order of arrival. A job that waited for
 * feedback keeps its arrival rank among the jobs still queued.
 */
async function takeSlot({ arrival }: JobRecord, context: JobContext, stop: AbortSignal): Promise<Disposable> {
  const { slots, config, logger } = context;
  const free = slots.tryTake();
  if (free) return free;
  logger.info('waiting for slot', { max_jobs: config.jobs.maxJobs });
  const status = reportStatus(context, waitingForSlotStatus, stop);
  const [slot] = await Promise.all([slots.take(stop, arrival), status]);
  return slot;
}

/** A job never fails because of a mirror. Only containers of this machine can mount one. */
async function beginMirrors({ mirrors, runtime, invocation, github, logger }: JobContext) {
  const connection = github.find(invocation?.PrivateGithubConnectionID);
  if (mirrors === undefined || connection === undefined || !hasContainersHere(runtime.name)) return undefined;
  return mirrors.begin(githubRepos(invocation), connection).catch((error: unknown) => {
    logger.warn('cannot use git mirrors', { error });
    return undefined;
  });
}
