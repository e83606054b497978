import type { RunnerQueue } from '../../../plan42/objects.ts';
import { nextHealthyQueue, type RunnerKey, runnerName } from '../../store/runner-queues.ts';
import type { Store } from '../../store/store.ts';

/** Spreads work over the healthy queues of each runner: every call returns the next one. */
export class RoundRobin {
  readonly #queues: Store['runnerQueues'];
  readonly #lastUsed = new Map<string, string>();

  constructor(queues: Store['runnerQueues']) {
    this.#queues = queues;
  }

  /** Returns the next queue that `accepts` admits, or undefined if the runner has no such healthy one. */
  next(runner: RunnerKey, accepts: (queue: RunnerQueue) => boolean = () => true): RunnerQueue | undefined {
    const name = runnerName(runner);
    const last = this.#lastUsed.get(name) ?? '';
    const queue = this.#find(runner, last, accepts) ?? this.#find(runner, '', accepts);
    if (queue) this.#lastUsed.set(name, queue.QueueID);
    return queue;
  }

  #find(runner: RunnerKey, after: string, accepts: (queue: RunnerQueue) => boolean): RunnerQueue | undefined {
    let queue = nextHealthyQueue(this.#queues, runner, after);
    while (queue && !accepts(queue)) queue = nextHealthyQueue(this.#queues, runner, queue.QueueID);
    return queue;
  }
}
