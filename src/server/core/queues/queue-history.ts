import { randomUUID } from 'node:crypto';
import type { QueueState } from '../../../plan42/objects/page.ts';
import { type QueueKey, queueName, type RunnerKey, type RunnerQueue } from '../../store/runner-queues.ts';
import type { Store } from '../../store/store.ts';
import { maxBatch } from './broker.ts';

/** Samples, oldest first, of equal steps; those of a queue that is younger than the history are fewer. */
export interface QueueSamples {
  /** Percent; null when nobody polled. */
  utilisation: (number | null)[];
  /** The first letter of a {@link QueueState}. */
  states: string[];
}

/** What the polls of a queue brought in the current step. */
interface Polls {
  finished: number;
  messages: number;
  waiting: number;
}

/** How busy the queues were lately. In memory only, and of existing queues and runners only, so that it stays small. */
export class QueueHistory {
  /** Tells the samples of one run of the server from those of the next. */
  readonly epoch = randomUUID();
  readonly maxSteps: number;
  #steps = 0;
  readonly #store: Pick<Store, 'runnerQueues'>;
  readonly #polls = new Map<string, Polls>();
  #queues = new Map<string, QueueSamples>();
  #runners = new Map<string, (number | null)[]>();

  constructor(store: Pick<Store, 'runnerQueues'>, maxSteps: number) {
    this.#store = store;
    this.maxSteps = maxSteps;
  }

  /** How many samples were taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Counts a poll while it is made. */
  async countPoll(queue: QueueKey, poll: () => Promise<object[]>): Promise<object[]> {
    const name = queueName(queue);
    const polls = this.#polls.get(name) ?? { finished: 0, messages: 0, waiting: 0 };
    this.#polls.set(name, polls);
    polls.waiting += 1;
    try {
      const messages = await poll();
      polls.finished += 1;
      polls.messages += messages.length;
      return messages;
    } finally {
      polls.waiting -= 1;
    }
  }

  /** Ends a step, and forgets the queues and runners that are gone. */
  sample(): void {
    this.#sampleRunners(this.#sampleQueues());
    this.#steps += 1;
  }

  /** Returns what the queues of each runner came to. */
  #sampleQueues(): Map<string, (number | null)[]> {
    const previous = this.#queues;
    this.#queues = new Map();
    const byRunner = new Map<string, (number | null)[]>();
    for (const queue of this.#store.runnerQueues.select('')) {
      const name = queueName(queue);
      const utilisation = this.#takeUtilisation(name);
      const samples = previous.get(name) ?? { utilisation: [], states: [] };
      this.#push(samples.utilisation, utilisation);
      this.#push(samples.states, stateOf(queue).charAt(0));
      this.#queues.set(name, samples);
      byRunner.set(runnerName(queue), [...(byRunner.get(runnerName(queue)) ?? []), utilisation]);
    }
    for (const name of this.#polls.keys()) if (!this.#queues.has(name)) this.#polls.delete(name);
    return byRunner;
  }

  // A runner keeps its past for as long as there is something in it: it may have no queue for a moment.
  #sampleRunners(byRunner: ReadonlyMap<string, (number | null)[]>): void {
    const previous = this.#runners;
    this.#runners = new Map();
    for (const name of new Set([...previous.keys(), ...byRunner.keys()])) {
      const samples = previous.get(name) ?? [];
      this.#push(samples, mean(byRunner.get(name) ?? []));
      if (samples.some((value) => value !== null) || byRunner.has(name)) this.#runners.set(name, samples);
    }
  }

  /** The samples of a queue since the step `since`. */
  ofQueue(queue: QueueKey, since: number): QueueSamples {
    const { utilisation, states } = this.#queues.get(queueName(queue)) ?? { utilisation: [], states: [] };
    return { utilisation: this.#since(utilisation, since), states: this.#since(states, since) };
  }

  /** The mean utilisation of a runner's queues since the step `since`. */
  ofRunner(runner: RunnerKey, since: number): (number | null)[] {
    return this.#since(this.#runners.get(runnerName(runner)) ?? [], since);
  }

  #takeUtilisation(name: string): number | null {
    const polls = this.#polls.get(name);
    if (!polls) return null;
    const { finished, messages, waiting } = polls;
    polls.finished = 0;
    polls.messages = 0;
    if (finished > 0) return Math.round((100 * messages) / (maxBatch * finished));
    return waiting > 0 ? 0 : null;
  }

  #push<T>(samples: T[], sample: T): void {
    samples.push(sample);
    if (samples.length > this.maxSteps) samples.shift();
  }

  #since<T>(samples: readonly T[], since: number): T[] {
    const wanted = Math.max(0, this.#steps - since);
    return samples.slice(Math.max(0, samples.length - wanted));
  }
}

export function stateOf({ Draining, IsHealthy }: Pick<RunnerQueue, 'Draining' | 'IsHealthy'>): QueueState {
  if (Draining) return 'Draining';
  return IsHealthy ? 'Healthy' : 'Unhealthy';
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.round(known.reduce((sum, value) => sum + value, 0) / known.length);
}

function runnerName({ TenantID, RunnerID }: RunnerKey): string {
  return `${TenantID}/${RunnerID}`;
}
