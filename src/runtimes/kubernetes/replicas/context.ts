/** The dependencies and the functions that the parts of a replica share. */
import type { Clock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { NotOwner } from '../../replicas.ts';
import { LeaseConflict, type LeaseStore, type RequestLimits } from './lease-store.ts';
import type { Seal } from './seal.ts';
import type { ReplicaTiming } from './timing.ts';

export interface ReplicasDeps {
  store: LeaseStore;
  seal: Seal;
  instanceId: string;
  logger: Logger;
  clock?: Clock;
  /** See `SessionDeps`. */
  fastNow?: () => number;
  timing?: ReplicaTiming;
  random?: () => number;
}

export interface ReplicaContext extends Required<ReplicasDeps> {
  /** Aborted when the replica stops. */
  stop: AbortSignal;
  /** For requests that only the end of the replica ends. */
  limits: RequestLimits;
  changes: Changes;
  /** Repeats `work` until the API server responds. @throws NotOwner, or the signal's reason */
  insist: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
}

export function createContext(deps: Required<ReplicasDeps>, stop: AbortSignal): ReplicaContext {
  const { clock, timing, logger } = deps;
  return {
    ...deps,
    stop,
    limits: { signal: stop, timeoutMs: timing.requestMs },
    changes: new Changes(),
    insist: async (work, signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await work();
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof NotOwner) throw error;
          const isConflict = error instanceof LeaseConflict;
          if (attempt === 1 && !isConflict)
            logger.debug('cannot change leases, retrying', { error: formatError(error) });
          await clock.sleep(isConflict ? timing.retryMs / 10 : timing.retryMs, signal);
        }
      }
    },
  };
}

/** Wakes those who wait until the sessions or the claims of a replica have changed. */
export class Changes {
  #waiters: (() => void)[] = [];

  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** @throws the signal's reason */
  async next(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiters.push(resolve);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}
