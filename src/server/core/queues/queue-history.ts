import { randomUUID } from 'node:crypto';
import { isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { RunnerQueue } from '../../../plan42/objects.ts';
import type { QueueState } from '../../../plan42/page-objects.ts';
import { type QueueKey, queueName, type RunnerKey, runnerName } from '../../store/runner-queues.ts';
import type { Store } from '../../store/store.ts';
import { skipIfStorageFails } from '../storage.ts';
import type { Timing } from '../timing.ts';
import { maxBatch } from './broker.ts';

/** Samples in equal steps, oldest first. A queue that is younger than the history has fewer. */
export interface QueueSamples {
  /** Percent; null without polls. */
  utilisation: (number | null)[];
  /** The first letter of a {@link QueueState}. */
  states: string[];
}

/** The polls of a queue in the current step. */
interface Polls {
  finished: number;
  messages: number;
  waiting: number;
}

/** The recent utilisation of queues. Kept in memory, and only for existing queues and runners, so that it stays small. */
export class QueueHistory {
  /** Identifies this run of the server, because the next one starts without samples. */
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

  /** The number of samples taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs a poll and counts it. Messages that are no load (`isPing`) do not count, or an idle queue would look busy. */
  async countPoll(
    queue: QueueKey,
    poll: () => Promise<object[]>,
    isPing: (message: object) => boolean,
  ): Promise<object[]> {
    const name = queueName(queue);
    const polls = this.#polls.get(name) ?? { finished: 0, messages: 0, waiting: 0 };
    this.#polls.set(name, polls);
    polls.waiting += 1;
    try {
      const messages = await poll();
      polls.finished += 1;
      polls.messages += messages.filter((message) => !isPing(message)).length;
      return messages;
    } finally {
      polls.waiting -= 1;
    }
  }

  /** Ends a step, and drops deleted queues and runners. */
  sample(): void {
    this.#sampleRunners(this.#sampleQueues());
    this.#steps += 1;
  }

  /** Returns the utilisation of the queues of each runner. */
  #sampleQueues(): Map<string, (number | null)[]> {
    const previous = this.#queues;
    this.#queues = new Map();
    const byRunner = new Map<string, (number | null)[]>();
    for (const queue of this.#store.runnerQueues.select('')) {
      const name = queueName(queue);
      const utilisation = this.#takeUtilisation(name);
      const samples = previous.get(name) ?? { utilisation: [], states: [] };
      this.#push(samples.utilisation, utilisation);
      this.#push(samples.states, queueState(queue).charAt(0));
      this.#queues.set(name, samples);
      byRunner.set(runnerName(queue), [...(byRunner.get(runnerName(queue)) ?? []), utilisation]);
    }
    for (const name of this.#polls.keys()) if (!this.#queues.has(name)) this.#polls.delete(name);
    return byRunner;
  }

  // A runner keeps its history until that is empty, because a restarting runner has no queue for a moment.
  #sampleRunners(byRunner: ReadonlyMap<string, (number | null)[]>): void {
    const previous = this.#runners;
    this.#runners = new Map();
    for (const name of new Set([...previous.keys(), ...byRunner.keys()])) {
      const samples = previous.get(name) ?? [];
      this.#push(samples, mean(byRunner.get(name) ?? []));
      if (samples.some((value) => value !== null) || byRunner.has(name)) this.#runners.set(name, samples);
    }
  }

  /** Returns the samples of a queue since the step `since`. */
  ofQueue(queue: QueueKey, since: number): QueueSamples {
    const { utilisation, states } = this.#queues.get(queueName(queue)) ?? { utilisation: [], states: [] };
    return { utilisation: this.#since(utilisation, since), states: this.#since(states, since) };
  }

  /** Returns the mean utilisation of a runner's queues since the step `since`. */
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

interface SamplingDeps {
  history: QueueHistory;
  timing: Timing;
  logger: Logger;
  signal: AbortSignal;
}

/** Samples the queues step by step until the signal aborts. Never rejects. */
export async function sampleQueues({ history, timing, logger, signal }: SamplingDeps): Promise<void> {
  try {
    for (;;) {
      await sleep(timing.historyStepMs, signal);
      skipIfStorageFails(() => history.sample());
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('queue sampling stopped', { error });
  }
}

export function queueState({ Draining, IsHealthy }: Pick<RunnerQueue, 'Draining' | 'IsHealthy'>): QueueState {
  if (Draining) return 'Draining';
  return IsHealthy ? 'Healthy' : 'Unhealthy';
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.round(known.reduce((sum, value) => sum + value, 0) / known.length);
}
