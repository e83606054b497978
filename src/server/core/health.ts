import { isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { PingResponse } from '../../plan42/messages.ts';
import type { RunnerQueue } from '../../plan42/objects.ts';
import type { QueueKey } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import type { Broker } from './queues/broker.ts';
import { changeQueue, type QueueDeps, removeQueue } from './queues/queue-changes.ts';
import { skipIfStorageFails } from './storage.ts';
import { isoTime } from './time.ts';
import type { Timing } from './timing.ts';

interface HealthDeps extends QueueDeps {
  store: QueueDeps['store'] & Pick<Store, 'transactionWithoutSync'>;
  broker: Broker;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Checks a queue periodically until it is deleted or the signal aborts. A queue that does not respond becomes
 * unhealthy, and is deleted if it stays silent. A check is a ping, unless the queue is draining: runners drain until a
 * poll of 30 s is empty, which pings every 30 s would never let happen. A poll since the last check is response enough.
 * Never rejects.
 * @param firstAfterMs less than the interval for queues of a previous run, so that they are not all pinged at once
 */
export async function watchQueue(deps: HealthDeps, key: QueueKey, firstAfterMs: number): Promise<void> {
  const { store, timing, signal, logger } = deps;
  const publicKey = store.runnerQueues.find(key)?.PublicKey;
  // A queue with the same ID and another key is a new queue with a watch of its own.
  const exists = () => {
    let found = true;
    skipIfStorageFails(() => {
      found = store.runnerQueues.find(key)?.PublicKey === publicKey;
    });
    return found;
  };
  try {
    await sleep(firstAfterMs, signal);
    // The ping is part of the interval.
    while (exists()) await Promise.all([sleep(timing.healthCheckIntervalMs, signal), checkQueue(deps, key)]);
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('health checks stopped', { queue_id: key.QueueID, error });
  }
}

async function checkQueue(deps: HealthDeps, key: QueueKey): Promise<void> {
  const { signal, store } = deps;
  let isDraining = false;
  skipIfStorageFails(() => {
    isDraining = store.runnerQueues.find(key)?.Draining === true;
  });
  const responded = isDraining ? deps.broker.wasPolled(key) : await ping(deps, key);
  signal.throwIfAborted();
  skipIfStorageFails(() => {
    // With hundreds of queues, the server would often wait for the disk. A check that is lost is made again.
    store.transactionWithoutSync(() => {
      const queue = store.runnerQueues.find(key);
      if (queue) recordCheck(deps, queue, responded);
    });
  });
}

async function ping({ broker, timing, signal }: HealthDeps, key: QueueKey): Promise<boolean> {
  // Only polls between two checks of a draining queue count.
  broker.wasPolled(key);
  const options = { timeoutMs: timing.healthCheckTimeoutMs, signal, anyQueue: false };
  return broker.request(key, { Type: 'PingRequest' }, PingResponse, options).then(
    () => true,
    () => false,
  );
}

function recordCheck(deps: HealthDeps, queue: RunnerQueue, responded: boolean): void {
  const { clock, timing, logger } = deps;
  const failedChecks = responded ? 0 : queue.NConsecutiveFailedHealthChecks + 1;
  const fields = { runner_id: queue.RunnerID, queue_id: queue.QueueID, failed_checks: failedChecks };
  if (failedChecks >= timing.failuresUntilDeleted) {
    logger.warn('queue not responding, deleting it', fields);
    removeQueue(deps, queue);
    return;
  }
  const isHealthy = responded ? !queue.Draining : queue.IsHealthy && failedChecks < timing.failuresUntilUnhealthy;
  if (queue.IsHealthy && !isHealthy) logger.warn('queue unhealthy', fields);
  changeQueue(deps, queue, {
    IsHealthy: isHealthy,
    NConsecutiveFailedHealthChecks: failedChecks,
    NConsecutiveSuccessfulHealthChecks: responded ? queue.NConsecutiveSuccessfulHealthChecks + 1 : 0,
    LastHealthCheckAt: isoTime(clock.date()),
  });
}
