/** Saying goodbye to the server about a queue. */

import * as v from 'valibot';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plan42Client, QueuePath } from '../plan42/client.ts';
import { ApiError, isTransient } from '../plan42/errors.ts';
import { RunnerQueue } from '../plan42/objects.ts';

export interface RemovalOptions {
  logger: Logger;
  stop: AbortSignal;
}

const backoffLimits = { minMs: 10, maxMs: 5000 };
const maxDeleteTries = 5;

/** Tells the server to give the queue no more work. Tries again in an outage; gives up when the server says no. */
export async function markDraining(
  path: QueuePath,
  client: Plan42Client,
  { logger, stop }: RemovalOptions,
): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  let version: number | undefined;
  for (;;) {
    try {
      version ??= (await client.getQueue(path, { signal: stop })).Version;
      await client.updateQueue(path, version, { Draining: true, IsHealthy: false }, { signal: stop });
      return;
    } catch (error) {
      if (stop.aborted) return;
      version = conflictVersion(error);
      if (version === undefined && !isTransient(error)) {
        logger.warn('the queue could not be marked as draining', { error });
        return;
      }
      await sleep(backoff.next(), stop).catch(() => {});
    }
  }
}

/** Deletes the queue on the server; what can't be deleted is left to the server's own health checks. */
export async function deleteQueue(
  path: QueuePath,
  client: Plan42Client,
  { logger, stop }: RemovalOptions,
): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  let version: number | undefined;
  let failure: unknown;
  for (let tries = 0; tries < maxDeleteTries; tries += 1) {
    try {
      version ??= (await client.getQueue(path, { signal: stop })).Version;
      await client.deleteQueue(path, version, { signal: stop });
      logger.info('a queue is deleted');
      return;
    } catch (error) {
      stop.throwIfAborted();
      if (error instanceof ApiError && error.status === 404) return;
      failure = error;
      version = conflictVersion(error);
      if (version === undefined) await sleep(backoff.next(), stop);
    }
  }
  logger.warn('a queue could not be deleted', { error: failure });
}

function conflictVersion(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.status !== 409) return undefined;
  const current = v.safeParse(RunnerQueue, error.current);
  return current.success ? current.output.Version : undefined;
}
