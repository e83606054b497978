import type { RunnerQueue } from '../../../plan42/objects.ts';
import { nextHealthyQueue, type RunnerKey } from '../../store/runner-queues.ts';
import type { Store } from '../../store/store.ts';

/** Spreads work over the healthy queues of each runner: every call returns the next one. */
export class RoundRobin {
  readonly #queues: Store['runnerQueues'];
  readonly #lastUsed = new Map<string, string>();

  constructor(queues: Store['runnerQueues']) {
    this.#queues = queues;
  }

  /** Returns the next queue, or undefined if the runner has no healthy one. */
  next(runner: RunnerKey): RunnerQueue | undefined {
    const name = `${runner.TenantID}/${runner.RunnerID}`;
    const queue =
      nextHealthyQueue(this.#queues, runner, this.#lastUsed.get(name) ?? '') ??
      nextHealthyQueue(this.#queues, runner, '');
    if (queue) this.#lastUsed.set(name, queue.QueueID);
    return queue;
  }
}
