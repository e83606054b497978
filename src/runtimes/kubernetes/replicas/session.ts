/** The time in which a replica certainly owns its records: it holds a Lease of its own and renews it. A session that has ended never begins again. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { namePrefix } from '../manifest/names.ts';
import { type Lease, LeaseConflict, LeaseMissing, type LeaseStore } from './lease-store.ts';
import type { ReplicaTiming } from './timing.ts';

export interface SessionDeps {
  store: LeaseStore;
  clock: Pick<Clock, 'sleep' | 'date'>;
  /** Milliseconds that advance at least as fast as any clock of this machine, asleep or awake. */
  fastNow: () => number;
  timing: ReplicaTiming;
  logger: Logger;
}

export interface Session {
  /** The name of its Lease. */
  id: string;
  /** Aborted when it is no longer certain that the others regard this replica as running. */
  ended: AbortSignal;
  /** Whether it is certain now. */
  isProven(): boolean;
  /** Renews the Lease until the session has ended. Rejects only with the reason of the signal. */
  keep(signal: AbortSignal): Promise<void>;
}

/** The session has ended. */
export class SessionEnded extends Error {
  override readonly name = 'SessionEnded';
}

export function newSessionId(): string {
  return `${namePrefix}replica-${randomBytes(8).toString('hex')}`;
}

/** Creates the Lease. Rejects if the API server does not respond. */
export async function openSession(id: string, deps: SessionDeps, signal: AbortSignal): Promise<Session> {
  const { store, clock, fastNow, timing } = deps;
  const sentAt = fastNow();
  const limits = { signal, timeoutMs: timing.requestMs };
  const { durationMs } = timing;
  const lease = await store.createReplica(id, { ...limits, host: hostname(), durationMs, now: clock.date() });
  return createSession(lease, sentAt + timing.provenMs, deps);
}

function createSession({ name, uid }: Lease, firstUntil: number, deps: SessionDeps): Session {
  const { store, clock, fastNow, timing, logger } = deps;
  let provenUntil = firstUntil;
  const ended = new AbortController();
  const end = () => ended.abort(new SessionEnded(`the Lease ${name} was not renewed in time`));
  const isProven = () => {
    if (!ended.signal.aborted && fastNow() >= provenUntil) end();
    return !ended.signal.aborted;
  };

  async function expire(signal: AbortSignal): Promise<void> {
    while (isProven()) await clock.sleep(Math.max(1, provenUntil - fastNow()), signal);
  }

  async function renew(signal: AbortSignal): Promise<void> {
    for (let delayMs = timing.renewMs; ; ) {
      await clock.sleep(delayMs, signal);
      const sentAt = fastNow();
      if (!isProven()) return;
      try {
        await store.change({ name, uid }, { renewedAt: clock.date() }, { signal, timeoutMs: timing.requestMs });
        if (!isProven()) return;
        provenUntil = sentAt + timing.provenMs;
        delayMs = timing.renewMs;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof LeaseMissing || error instanceof LeaseConflict) return end();
        logger.debug('cannot renew lease, retrying', { lease: name, error: formatError(error) });
        delayMs = timing.retryMs;
      }
    }
  }

  return {
    id: name,
    ended: ended.signal,
    isProven,
    async keep(signal) {
      const either = AbortSignal.any([signal, ended.signal]);
      await Promise.all([expire(either), renew(either)]).catch((error: unknown) => {
        if (!ended.signal.aborted) throw error;
      });
    },
  };
}
