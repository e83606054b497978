import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { QueueKey, RunnerQueue } from '../store/runner-queues.ts';
import type { Exchange } from './queues/broker.ts';
import { changeQueue, type QueueParts, removeQueue } from './queues/queue-changes.ts';
import { PingResponse } from './queues/runner-responses.ts';
import { isoTime } from './time.ts';
import type { Timing } from './timing.ts';

interface HealthParts extends QueueParts {
  exchange: Exchange;
  timing: Timing;
  logger: Logger;
  /** Ends all checks. */
  signal: AbortSignal;
}

/**
 * Pings a queue again and again, from when it is registered until it no longer exists: one that does not answer
 * first gets no more work, and is deleted in the end. Never rejects.
 * @param firstAfterMs less than the interval for queues of an earlier run, so that they are not all pinged at once
 */
export async function watchQueue(parts: HealthParts, key: QueueKey, firstAfterMs: number): Promise<void> {
  const { store, timing, signal, logger } = parts;
  const publicKey = store.runnerQueues.find(key)?.PublicKey;
  // One with another key has the same ID, but is another queue, which is watched by itself.
  const isThere = () => store.runnerQueues.find(key)?.PublicKey === publicKey;
  try {
    await sleep(firstAfterMs, signal);
    // The ping is part of the interval.
    while (isThere()) await Promise.all([sleep(timing.healthCheckIntervalMs, signal), checkQueue(parts, key)]);
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('the health checks of a queue ended', { queueID: key.QueueID, error });
  }
}

async function checkQueue(parts: HealthParts, key: QueueKey): Promise<void> {
  const { exchange, timing, signal, store } = parts;
  const options = { timeoutMs: timing.healthCheckTimeoutMs, signal, anyQueue: false };
  const answered = await exchange.ask(key, { Type: 'PingRequest' }, PingResponse, options).then(
    () => true,
    () => false,
  );
  signal.throwIfAborted();
  const queue = store.runnerQueues.find(key);
  if (queue) recordCheck(parts, queue, answered);
}

function recordCheck(parts: HealthParts, queue: RunnerQueue, answered: boolean): void {
  const { clock, timing, logger } = parts;
  const failed = answered ? 0 : queue.NConsecutiveFailedHealthChecks + 1;
  const fields = { runnerID: queue.RunnerID, queueID: queue.QueueID, failed };
  if (failed >= timing.failuresUntilDeleted) {
    logger.warn('deleting a queue that does not answer', fields);
    removeQueue(parts, queue);
    return;
  }
  const isHealthy = answered ? !queue.Draining : queue.IsHealthy && failed < timing.failuresUntilUnhealthy;
  if (queue.IsHealthy && !isHealthy) logger.warn('a queue does not answer: it gets no more work', fields);
  changeQueue(parts, queue, {
    IsHealthy: isHealthy,
    NConsecutiveFailedHealthChecks: failed,
    NConsecutiveSuccessfulHealthChecks: answered ? queue.NConsecutiveSuccessfulHealthChecks + 1 : 0,
    LastHealthCheckAt: isoTime(clock()),
  });
}
