import type { GithubEvents } from '../events/github-events.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { systemClock } from '../lib/clock.ts';
import { formatError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { RunnerHealth } from './health.ts';
import type { QueuePool } from './queues/queue-pool.ts';

/** Requests to stop the service, in increasing urgency. */
export interface ShutdownSignals {
  /** Finish what has been accepted and take nothing new. */
  drain: AbortSignal;
  /** Do not wait for anything that the next run can resume. */
  force: AbortSignal;
}

export interface ShutdownOptions {
  pool: QueuePool;
  jobs: Jobs;
  events: Pick<GithubEvents, 'drain' | 'status'> | undefined;
  health: RunnerHealth;
  logger: Logger;
  signals: ShutdownSignals;
  /** Time limit of the drain. */
  timeoutMs: number;
  /** Aborts everything that is still in progress. */
  abort: () => void;
}

const forceGraceMs = 3000;
const progressMs = 10_000;
// The next run handles the events that remain.
const maxEventsMs = 30_000;
// The next start, or the server's health checks, delete the queues that remain.
const maxOutageMs = 15_000;
const outageCheckMs = 500;

/** Waits for the drain signal, then shuts down in order: events handled, queues drained, responses sent, jobs started or left to the next run. */
export async function drainOnSignal(options: ShutdownOptions): Promise<void> {
  const { pool, jobs, events, health, logger, signals, abort } = options;
  await aborted(signals.drain);
  health.startDraining();
  logger.info('draining', { trigger: triggerOf(signals.drain), ...counts(options) });
  const progress = setInterval(
    () => logger.info('still draining', { waiting_for: waitingFor(options), ...counts(options) }),
    progressMs,
  );
  const timedOut = new AbortController();
  const limit = setTimeout(() => {
    logger.warn('drain timed out', counts(options));
    timedOut.abort();
    abort();
  }, options.timeoutMs);
  const watch = watchForOutage(options);
  const force = onAbort(signals.force, () => {
    logger.warn('stop forced, leaving jobs that have not started to the next run', counts(options));
    setTimeout(abort, forceGraceMs).unref();
  });
  try {
    await events?.drain(AbortSignal.any([signals.force, timedOut.signal, AbortSignal.timeout(maxEventsMs)]));
    await pool.drain();
    watch[Symbol.dispose]();
    await Promise.race([jobs.whenStartedUp(), aborted(signals.force), aborted(timedOut.signal)]);
  } finally {
    clearInterval(progress);
    clearTimeout(limit);
    watch[Symbol.dispose]();
    force[Symbol.dispose]();
    abort();
  }
  const { running, starting, waiting } = jobs.counts;
  logger.info('runner stopped', { running_jobs: running, jobs_left_for_next_run: starting + waiting });
}

/** Abandons the queues if the server stays unreachable. Does not shorten the wait for jobs that are starting. */
function watchForOutage(options: ShutdownOptions): Disposable {
  const { pool, logger, abort } = options;
  const startedAt = systemClock.now();
  const timer = setInterval(() => {
    const since = pool.outageSince;
    if (since === undefined || systemClock.now() - Math.max(since, startedAt) < maxOutageMs) return;
    clearInterval(timer);
    logger.warn('server unreachable, leaving queues to the next start', counts(options));
    abort();
  }, outageCheckMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

// A plain abort has no trigger.
function triggerOf({ reason }: AbortSignal): string | undefined {
  return reason instanceof DOMException ? undefined : formatError(reason);
}

function waitingFor({ pool, events }: ShutdownOptions): string {
  if ((events?.status().pending ?? 0) > 0) return 'GitHub events';
  if (pool.inFlight > 0) return 'responses to messages';
  return pool.queues.length > 0 ? 'queues' : 'starting jobs';
}

function counts({ pool, jobs, health }: ShutdownOptions): Record<string, unknown> {
  const { running, starting, waiting } = jobs.counts;
  return {
    queues: pool.queues.length,
    messages_in_flight: pool.inFlight,
    starting_jobs: starting,
    waiting_jobs: waiting,
    running_jobs: running,
    reason: health.troubles[0]?.message,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onAbort(signal, resolve);
  return promise;
}

function onAbort(signal: AbortSignal, act: () => void): Disposable {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) };
}
