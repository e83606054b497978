import type { Clock } from '../../../lib/clock.ts';
import { DecryptionError, parsePublicKey } from '../../../plan42/ecies.ts';
import type { RunnerQueue } from '../../../plan42/objects.ts';
import type { QueueKey } from '../../store/runner-queues.ts';
import type { Store } from '../../store/store.ts';
import { conflict, invalid } from '../errors.ts';
import type { Events } from '../events.ts';
import { zeroTime } from '../time.ts';
import { change, create, firstVersion } from '../versioned.ts';

export interface QueueDeps {
  store: Pick<Store, 'runnerQueues' | 'usedPublicKeys' | 'transaction'>;
  clock: Clock;
  events: Events;
}

/**
 * Adds a queue, which is healthy from the start.
 * @throws DomainError `invalid` for a bad key; `conflict` if the queue exists or its key was used before.
 */
export function addQueue({ store, clock, events }: QueueDeps, key: QueueKey, publicKey: string): RunnerQueue {
  const point = pointOf(publicKey);
  const queue: RunnerQueue = {
    ...key,
    PublicKey: publicKey,
    IsHealthy: true,
    Draining: false,
    NConsecutiveFailedHealthChecks: 0,
    NConsecutiveSuccessfulHealthChecks: 0,
    LastHealthCheckAt: zeroTime,
    ...firstVersion(clock),
  };
  store.transaction(() => {
    create(store.runnerQueues, queue);
    if (!store.usedPublicKeys.add(point, key))
      throw conflict('the public key was used before; every queue needs its own');
  });
  events.emit('queueAdded', queue);
  events.emit('queueUsable', queue);
  return queue;
}

/** @throws DomainError `invalid` for a draining queue that would be healthy */
export function changeQueue(
  { store, clock, events }: QueueDeps,
  queue: RunnerQueue,
  changes: Partial<RunnerQueue>,
): RunnerQueue {
  const { Draining, IsHealthy } = { ...queue, ...changes };
  if (Draining && IsHealthy) throw invalid('a draining queue cannot be healthy: Draining needs IsHealthy false');
  const changed = change(store.runnerQueues, queue, changes, clock);
  if (changed.IsHealthy && !queue.IsHealthy) events.emit('queueUsable', changed);
  const stops = queue.IsHealthy && !changed.IsHealthy;
  if (stops) events.emit('queueUnusable', changed, changed.Draining ? 'draining' : 'unhealthy');
  return changed;
}

export function removeQueue({ store, events }: QueueDeps, queue: RunnerQueue): void {
  store.runnerQueues.remove(queue);
  events.emit('queueUnusable', queue, 'deleted');
}

// A key has several encodings, so keys are compared by their points.
function pointOf(pem: string): string {
  try {
    const { x, y } = parsePublicKey(pem).export({ format: 'jwk' });
    return `${x}.${y}`;
  } catch (error) {
    if (error instanceof DecryptionError) throw invalid(`PublicKey: ${error.message}`);
    throw error;
  }
}
