import type { Jobs } from '../jobs/jobs.ts';
import type { Logger } from '../lib/logger.ts';
import type { QueuePool } from './queue-pool.ts';
import type { Readiness } from './readiness.ts';

/** How a person or the system asks the service to end, more and more urgently. */
export interface ShutdownSignals {
  /** Finish what there is, take nothing new. */
  drain: AbortSignal;
  /** Wait for nothing that can be taken up again later. */
  hurry: AbortSignal;
}

export interface ShutdownOptions {
  pool: QueuePool;
  jobs: Jobs;
  readiness: Readiness;
  logger: Logger;
  signals: ShutdownSignals;
  /** After this the drain is given up. */
  timeoutMs: number;
  /** Ends everything that is still under way. */
  stop: () => void;
}

const hurryMs = 3000;
const progressMs = 10_000;
// Queues that are left on the server are deleted by the next start, or by the server's health checks.
const maxOutageMs = 15_000;
const lookMs = 500;

/** Waits for the signal to end, then ends in order: queues drained, messages answered, jobs started or left for the next run. */
export async function drainOnSignal(options: ShutdownOptions): Promise<void> {
  const { pool, jobs, readiness, logger, signals, stop } = options;
  await aborted(signals.drain);
  readiness.drains();
  logger.info('the runner stops: queues are drained, running jobs go on', counts(options));
  const progress = setInterval(() => logger.info('the runner is still draining', counts(options)), progressMs);
  const giveUp = new AbortController();
  const limit = setTimeout(() => {
    logger.warn('draining takes too long and is given up', counts(options));
    giveUp.abort();
    stop();
  }, options.timeoutMs);
  const watch = watchForOutage(options);
  const hurry = onAbort(signals.hurry, () => {
    logger.warn('the runner stops soon: jobs that have not started are left for its next run', counts(options));
    setTimeout(stop, hurryMs).unref();
  });
  try {
    await pool.drain();
    watch[Symbol.dispose]();
    await Promise.race([jobs.whenStartedUp(), aborted(signals.hurry), aborted(giveUp.signal)]);
  } finally {
    clearInterval(progress);
    clearTimeout(limit);
    watch[Symbol.dispose]();
    hurry[Symbol.dispose]();
    stop();
  }
  const { running, starting, waiting } = jobs.counts;
  logger.info('the runner has stopped', { running_jobs: running, jobs_left_for_next_run: starting + waiting });
}

/** Gives the queues up when the server can't be told of their end for a while. Jobs that are just starting are waited for all the same. */
function watchForOutage(options: ShutdownOptions): Disposable {
  const { pool, logger, stop } = options;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const since = pool.outageSince;
    if (since === undefined || performance.now() - Math.max(since, startedAt) < maxOutageMs) return;
    clearInterval(timer);
    logger.warn(
      'the server cannot be reached: its queues are left to the next start, which deletes them',
      counts(options),
    );
    stop();
  }, lookMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function counts({ pool, jobs, readiness }: ShutdownOptions): Record<string, unknown> {
  return {
    queues: pool.queues.length,
    messages_in_flight: pool.inFlight,
    jobs_starting: jobs.startingCount,
    jobs_waiting: jobs.counts.waiting,
    jobs: jobs.count,
    trouble: readiness.troubles[0]?.message,
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
