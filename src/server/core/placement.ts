import type { RunnerQueue } from '../../plan42/objects.ts';
import { nextHealthyQueue, type RunnerKey } from '../store/runner-queues.ts';
import type { Store } from '../store/store.ts';
import type { Machine, Machines } from './queues/machines.ts';
import type { RoundRobin } from './queues/round-robin.ts';
import { pendingStatus } from './turns.ts';

interface PlacementDeps {
  store: Pick<Store, 'runnerQueues'>;
  machines: Machines;
  roundRobin: RoundRobin;
}

/** The queue for a turn, with its machine if that reports its slots. Otherwise the status of a turn that has to wait. */
export type Place = { queue: RunnerQueue; machine?: Machine } | { waiting: string };

/**
 * Finds a place for a turn. A turn that a machine got without a response goes to the same machine only, because it may have
 * accepted the turn, until that machine is gone.
 * @param sentTo the instance ID of that machine
 */
export function findPlace(deps: PlacementDeps, runner: RunnerKey, sentTo: string | undefined): Place {
  const { machines, roundRobin } = deps;
  const only = sentTo === undefined || machines.isGone(runner, sentTo) ? undefined : sentTo;
  const polling = machines.emptiestFirst(runner);
  const candidates = polling.filter(({ id, instanceId }) =>
    only === undefined ? machines.available(runner, id) > 0 : instanceId === only,
  );
  for (const machine of candidates) {
    const queue = usableQueue(deps, runner, machine.id);
    if (queue) return { queue, machine };
  }
  if (only !== undefined) return { waiting: pendingStatus };
  const queue = roundRobin.next(runner, (other) => machines.isWithoutReports(other));
  return queue ? { queue } : { waiting: waitingStatus(deps, runner, polling) };
}

function usableQueue(
  { store, machines }: PlacementDeps,
  runner: RunnerKey,
  machineId: string,
): RunnerQueue | undefined {
  return machines
    .polledQueues(runner, machineId)
    .map((key) => store.runnerQueues.find(key))
    .find((queue) => queue?.IsHealthy && !queue.Draining);
}

function waitingStatus({ store }: PlacementDeps, runner: RunnerKey, polling: readonly Machine[]): string {
  if (!nextHealthyQueue(store.runnerQueues, runner, '')) return 'Waiting for a runner';
  const isLow = polling.length > 0 && polling.every(({ slots }) => slots.reason === 'low-disk');
  return isLow
    ? `Waiting for a runner: low disk space on ${polling.map(({ name }) => name).join(', ')}`
    : pendingStatus;
}
