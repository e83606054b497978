/** Waits for a runtime that is not ready yet, such as a cluster whose API server is being restarted. */
import { Backoff } from '../lib/backoff.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { ServiceNotifier } from '../lib/service-notifier.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { RuntimeUnavailable } from '../runtimes/select.ts';
import { type ControlOptions, startControl } from './control.ts';
import type { RunnerHealth } from './health.ts';

export interface AwaitRuntimeDeps {
  /** Finds the runtime, each time from the configuration. */
  select: () => Promise<Runtime>;
  /** For commands while it waits. */
  control: Omit<ControlOptions, 'runtime' | 'pool' | 'jobs' | 'events' | 'reload'>;
  health: RunnerHealth;
  notifier: Pick<ServiceNotifier, 'ready'>;
  logger: Logger;
  signal: AbortSignal;
  clock?: Clock;
}

const part = 'runtime';
const backoffLimits = { minMs: 1000, maxMs: 15_000 };

/**
 * Returns the runtime as soon as it is ready; undefined if the signal is aborted first.
 * @throws UserError if waiting cannot help
 */
export async function awaitRuntime(deps: AwaitRuntimeDeps): Promise<Runtime | undefined> {
  const { select, health, notifier, logger, signal, clock = systemClock } = deps;
  const startedAt = clock.now();
  const backoff = new Backoff(backoffLimits);
  let reported: string | undefined;
  await using commands = new AsyncDisposableStack();
  for (;;) {
    try {
      const runtime = await select();
      if (reported !== undefined) {
        logger.info('runtime ready', { runtime: runtime.name, duration_ms: Math.round(clock.now() - startedAt) });
        health.remove(part);
      }
      return runtime;
    } catch (error) {
      if (isAbort(error, signal)) return undefined;
      if (!(error instanceof RuntimeUnavailable)) throw error;
      const { reason, remedy } = error;
      if (reported !== reason) {
        logger.warn('runtime not ready, retrying', { error: reason, remedy });
        health.reportFailure(part, 'runtime', reason);
      }
      if (reported === undefined) {
        // It has started, like a runner whose server does not respond.
        notifier.ready();
        commands.use(await serveCommands(deps));
      }
      reported = reason;
      await clock.sleep(backoff.next(), signal).catch(() => {});
      if (signal.aborted) return undefined;
    }
  }
}

/** Without jobs: they are read once the runtime is ready. */
function serveCommands({ control }: AwaitRuntimeDeps): Promise<AsyncDisposable> {
  const runtime = control.config.runner.runtime ?? '';
  const waiting = `the runner waits for its runtime ${runtime}`;
  return startControl({
    ...control,
    runtime,
    pool: { queues: [], utilisation: undefined },
    jobs: {
      counts: { waiting: 0, starting: 0, running: 0, ending: 0 },
      lastFinished: undefined,
      kill: () => Promise.reject(new Error(waiting)),
    },
    events: undefined,
    reload: async () => `${waiting}; restart it to apply a change`,
  });
}
