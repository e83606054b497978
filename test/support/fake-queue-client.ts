import * as v from 'valibot';
import { ApiError, ConnectionError } from '../../src/plan42/errors.ts';
import { PartialQueue } from '../../src/plan42/runner-objects.ts';
import type { QueueClient } from '../../src/runner/queues/queue-removal.ts';
import type { TestClock } from './test-clock.ts';

type Method = keyof QueueClient;

export function apiError(status: number, current?: object): ApiError {
  const call = { method: 'GET', path: '/queue' };
  return new ApiError(call, { status, isFromApi: true, currentType: 'RunnerQueue', current });
}

export const outage = new ConnectionError({ method: 'GET', path: '/queue' }, 'connection refused');

/** The queues of a server, in memory. */
export class FakeQueueClient implements QueueClient {
  readonly #clock: TestClock;
  /** Version and waiting messages by queue ID. */
  readonly queues = new Map<string, { version: number; isDraining: boolean; messages: unknown[] }>();
  readonly calls: { method: Method; queueId: string; at: number }[] = [];
  /** Polls in flight. */
  polling = 0;
  /** Returns the error of a call, or undefined if it succeeds. */
  fails: (method: Method, queueId: string) => Error | undefined = () => undefined;

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  callsOf(method: Method): { method: Method; queueId: string; at: number }[] {
    return this.calls.filter((call) => call.method === method);
  }

  registerQueue: QueueClient['registerQueue'] = async ({ queueId }) => {
    this.#record('registerQueue', queueId);
    if (this.queues.has(queueId)) throw apiError(409);
    this.queues.set(queueId, { version: 1, isDraining: false, messages: [] });
    return this.#describe(queueId);
  };

  getQueue: QueueClient['getQueue'] = async ({ queueId }) => {
    this.#record('getQueue', queueId);
    return this.#describe(queueId);
  };

  updateQueue: QueueClient['updateQueue'] = async ({ queueId }, version) => {
    this.#record('updateQueue', queueId);
    const queue = this.#find(queueId, version);
    queue.version += 1;
    queue.isDraining = true;
    return this.#describe(queueId);
  };

  deleteQueue: QueueClient['deleteQueue'] = async ({ queueId }, version) => {
    this.#record('deleteQueue', queueId);
    this.#find(queueId, version);
    this.queues.delete(queueId);
  };

  getMessages: QueueClient['getMessages'] = async ({ queueId }, waitMs, options) => {
    this.#record('getMessages', queueId);
    if (this.#find(queueId).messages.length === 0) {
      this.polling += 1;
      await this.#clock.sleep(waitMs, options?.signal).finally(() => {
        this.polling -= 1;
      });
    }
    return this.#find(queueId).messages.splice(0, 10);
  };

  #record(method: Method, queueId: string): void {
    this.calls.push({ method, queueId, at: this.#clock.now() });
    const error = this.fails(method, queueId);
    if (error) throw error;
  }

  #find(queueId: string, version?: number) {
    const queue = this.queues.get(queueId);
    if (!queue) throw apiError(404);
    if (version !== undefined && version !== queue.version) throw apiError(409, this.#describe(queueId));
    return queue;
  }

  #describe(queueId: string): PartialQueue {
    return v.parse(PartialQueue, { QueueID: queueId, Version: this.#find(queueId).version });
  }
}
