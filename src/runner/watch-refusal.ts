/** Finds out whether the runtime refuses every job, such as by the pod template of a cluster, before a job fails of it. */
import { type Clock, systemClock } from '../lib/clock.ts';
import { formatError, isAbort, UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { RunnerHealth } from './health.ts';

export interface WatchRefusalDeps {
  runtime: Pick<Runtime, 'whyRefused'>;
  health: Pick<RunnerHealth, 'reportFailure' | 'remove'>;
  logger: Logger;
  clock?: Clock;
}

const part = 'jobs';
/** The start of the runner waits for the first response. */
const firstTimeoutMs = 10_000;
const timeoutMs = 30_000;
const refusedIntervalMs = 15_000;
const acceptedIntervalMs = 5 * 60_000;

/** Resolves when it is known for the first time. Then asks again from time to time, until it is disposed of. */
export async function watchRefusal({
  runtime,
  health,
  logger,
  clock = systemClock,
}: WatchRefusalDeps): Promise<Disposable> {
  const done = new AbortController();
  const watch = { [Symbol.dispose]: () => done.abort(new Error('the runner is stopping')) };
  if (runtime.whyRefused === undefined) return watch;
  let reported: string | undefined;

  async function look(limitMs: number): Promise<void> {
    const signal = AbortSignal.any([done.signal, AbortSignal.timeout(limitMs)]);
    let refused: { reason: string; remedy?: string | undefined } | undefined;
    try {
      refused = await runtime.whyRefused?.(signal);
    } catch (error) {
      done.signal.throwIfAborted();
      // A cluster that does not respond says nothing about jobs.
      if (!(error instanceof UserError)) return logger.debug('cannot try a job', { error: formatError(error) });
      refused = { reason: error.message, remedy: error.remedy };
    }
    report(refused);
  }

  function report(refused: { reason: string; remedy?: string | undefined } | undefined): void {
    const { reason, remedy } = refused ?? {};
    if (reason === reported) return;
    reported = reason;
    // Each line of the log comes before the change of health that it explains.
    if (reason === undefined) {
      logger.info('runtime accepts jobs again');
      health.remove(part);
    } else {
      logger.warn('runtime refuses all jobs', { error: reason, remedy });
      health.reportFailure(part, 'runtime', reason);
    }
  }

  async function follow(): Promise<void> {
    for (;;) {
      await clock.sleep(reported === undefined ? acceptedIntervalMs : refusedIntervalMs, done.signal);
      await look(timeoutMs);
    }
  }

  await look(firstTimeoutMs);
  follow().catch((error: unknown) => {
    if (!isAbort(error, done.signal)) logger.error('cannot try jobs any more', { error });
  });
  return watch;
}
