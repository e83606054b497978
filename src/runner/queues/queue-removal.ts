/** Saying goodbye to the server about a queue. */

import * as v from 'valibot';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plan42Client, QueuePath } from '../plan42/client.ts';
import { ApiError, isTransient } from '../plan42/errors.ts';
import { RunnerQueue } from '../plan42/objects.ts';
import type { OutagePace } from './outage-pace.ts';

export interface RemovalOptions {
  logger: Logger;
  /** Of the queue. */
  pace: OutagePace;
  stop: AbortSignal;
}

const backoffLimits = { minMs: 10, maxMs: 5000 };
const maxDeleteTries = 5;

/** Tells the server to give the queue no more work. Tries again in an outage; gives up when the server says no. */
export async function markDraining(
  path: QueuePath,
  client: Plan42Client,
  { logger, pace, stop }: RemovalOptions,
): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  const patch = { Draining: true, IsHealthy: false };
  let version: number | undefined;
  for (;;) {
    try {
      const call = (known: number) => client.updateQueue(path, known, patch, { signal: stop });
      await withVersion(version, call, { path, client, pace, stop });
      return;
    } catch (error) {
      if (stop.aborted) return;
      version = conflictVersion(error);
      if (version === undefined && !isTransient(error)) {
        logger.warn('the queue could not be marked as draining', { error });
        return;
      }
      await sleep(backoff.next(retryAfterMs(error)), stop).catch(() => {});
    }
  }
}

/** Deletes the queue on the server; what can't be deleted is left to the server's own health checks. */
export async function deleteQueue(
  path: QueuePath,
  client: Plan42Client,
  { logger, pace, stop }: RemovalOptions,
): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  let version: number | undefined;
  let failure: unknown;
  for (let tries = 0; tries < maxDeleteTries; tries += 1) {
    try {
      const call = (known: number) => client.deleteQueue(path, known, { signal: stop });
      await withVersion(version, call, { path, client, pace, stop });
      logger.info('a queue is deleted');
      return;
    } catch (error) {
      stop.throwIfAborted();
      if (error instanceof ApiError && error.status === 404) return;
      failure = error;
      version = conflictVersion(error);
      if (version === undefined) await sleep(backoff.next(retryAfterMs(error)), stop);
    }
  }
  logger.warn('a queue could not be deleted', { error: failure });
}

interface Versioned extends Pick<RemovalOptions, 'pace' | 'stop'> {
  path: QueuePath;
  client: Plan42Client;
}

/** Makes the call with the queue's version: the one that a conflict told, or else what the server says now. */
async function withVersion(
  version: number | undefined,
  call: (version: number) => Promise<unknown>,
  { path, client, pace, stop }: Versioned,
): Promise<void> {
  const known = version ?? (await pace.call(() => client.getQueue(path, { signal: stop }), stop)).Version;
  await pace.call(() => call(known), stop);
}

function retryAfterMs(error: unknown): number | undefined {
  return error instanceof ApiError ? error.retryAfterMs : undefined;
}

function conflictVersion(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.status !== 409) return undefined;
  const current = v.safeParse(RunnerQueue, error.current);
  return current.success ? current.output.Version : undefined;
}
