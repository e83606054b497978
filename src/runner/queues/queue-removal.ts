/** Marks queues as draining and deletes them on the server. */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { type RetryOptions, retry } from '../../lib/retry.ts';
import type { Plan42Client, QueuePath } from '../../plan42/client.ts';
import { ApiError, currentOf, isTransient } from '../../plan42/errors.ts';
import { PartialQueue } from '../../plan42/runner-objects.ts';
import type { CallLimiter } from './call-limiter.ts';

/** The calls that concern queues. */
export type QueueClient = Pick<
  Plan42Client,
  'registerQueue' | 'getQueue' | 'updateQueue' | 'deleteQueue' | 'getMessages'
>;

export interface RemovalOptions {
  client: QueueClient;
  logger: Logger;
  /** The queue's own. */
  limiter: CallLimiter;
  abort: AbortSignal;
  clock?: Clock;
}

const backoff = { minMs: 10, maxMs: 5000 };
const maxDeleteAttempts = 5;

/** Stops the server from assigning work to the queue. Retries during an outage; never rejects. */
export async function markDraining(path: QueuePath, options: RemovalOptions): Promise<void> {
  const { client, logger, abort } = options;
  const patch = { Draining: true, IsHealthy: false };
  try {
    await changeQueue(path, options, (version) => client.updateQueue(path, version, patch, { signal: abort }), {
      shouldRetry: (error) => conflictVersion(error) !== undefined || isTransient(error),
    });
  } catch (error) {
    if (!abort.aborted) logger.warn('cannot mark queue as draining', { error });
  }
}

/** Deletes the queue on the server. If that fails, the server's own health checks remove it later. */
export async function deleteQueue(path: QueuePath, options: RemovalOptions): Promise<void> {
  const { client, logger, abort } = options;
  try {
    await changeQueue(path, options, (version) => client.deleteQueue(path, version, { signal: abort }), {
      maxAttempts: maxDeleteAttempts,
      shouldRetry: (error) => !isGone(error),
      // The conflict brought the current version, so there is nothing to wait for.
      retryDelayMs: (error) => (conflictVersion(error) === undefined ? undefined : 0),
    });
    logger.info('queue deleted');
  } catch (error) {
    abort.throwIfAborted();
    if (!isGone(error)) logger.warn('cannot delete queue', { error });
  }
}

/** Calls `change` with the queue's version: the one that a conflict reported, or else the server's current one. */
async function changeQueue(
  path: QueuePath,
  { client, limiter, abort, clock = systemClock }: RemovalOptions,
  change: (version: number) => Promise<unknown>,
  options: Omit<RetryOptions, 'backoff' | 'signal'>,
): Promise<void> {
  let version: number | undefined;
  const attempt = async () => {
    const known = version ?? (await limiter.call(() => client.getQueue(path, { signal: abort }), abort)).Version;
    await limiter
      .call(() => change(known), abort)
      .catch((error: unknown) => {
        version = conflictVersion(error);
        throw error;
      });
  };
  await retry(attempt, { ...options, backoff, signal: abort, sleep: clock.sleep });
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function conflictVersion(error: unknown): number | undefined {
  return currentOf(error, PartialQueue)?.Version;
}
