import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { TestControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

/** `lost`: handed to the runner, and never answered. */
export type PingOutcome = 'answered' | 'undelivered' | 'lost' | 'given up';

const refreshMs = 100;

/** Callers that ping the runner through the control plane's API, round robin over its healthy queues as the server does. */
export class PingLoad implements AsyncDisposable {
  readonly outcomes: Record<PingOutcome, number> = { answered: 0, undelivered: 0, lost: 0, 'given up': 0 };
  /** Latencies of the answered pings. */
  readonly latenciesMs: number[] = [];
  readonly #plane: TestControlPlane;
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  readonly #end = new AbortController();
  readonly #pings = new Set<Promise<unknown>>();
  #queueIds: string[] = [];
  #next = 0;
  readonly #refreshing: Promise<void>;

  constructor(plane: TestControlPlane) {
    this.#plane = plane;
    this.#refreshing = this.#refresh();
  }

  /** Sends one ping and says what became of it; undefined while the runner has no healthy queue. */
  async ping(): Promise<PingOutcome | undefined> {
    this.#next += 1;
    const queueId = this.#queueIds[this.#next % this.#queueIds.length];
    if (queueId === undefined) return undefined;
    const startedAt = performance.now();
    const outcome = await this.#send(queueId);
    this.outcomes[outcome] += 1;
    if (outcome === 'answered') this.latenciesMs.push(performance.now() - startedAt);
    return outcome;
  }

  /** Keeps `callers` busy for as long as `isEnough` says no. */
  async keepPinging(callers: number, isEnough: () => boolean): Promise<void> {
    const call = async () => {
      while (!isEnough() && !this.#end.signal.aborted) {
        if ((await this.ping()) === undefined) await delay(refreshMs);
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
  }

  /** Sends a ping every `intervalMs`, whether or not earlier ones are answered. */
  async pingEvery(intervalMs: number, durationMs: number): Promise<void> {
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      const ping = this.ping().finally(() => this.#pings.delete(ping));
      this.#pings.add(ping);
      await delay(intervalMs);
    }
  }

  /** Pings for two seconds, 50 times a second; the 99th percentile of the latencies, in ms. */
  async measureP99(): Promise<number> {
    this.latenciesMs.length = 0;
    await this.pingEvery(20, 2000);
    await eventually(async () => this.waiting === 0);
    return percentile(this.latenciesMs, 0.99);
  }

  /**
   * Measures until the 99th percentile is at most `limitMs`, five times at most: a fault in the runner delays pings in
   * every round, a busy machine only in some.
   */
  async measureP99Rounds(limitMs: number): Promise<number[]> {
    const p99sMs: number[] = [];
    while (p99sMs.length < 5 && Math.min(...p99sMs) > limitMs) p99sMs.push(await this.measureP99());
    return p99sMs;
  }

  /** Pings that wait for their answer. */
  get waiting(): number {
    return this.#pings.size;
  }

  /** Gives up what is not answered yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all([this.#refreshing, ...this.#pings]);
    await this.#agent.destroy();
  }

  async #send(queueId: string): Promise<PingOutcome> {
    const { server, runner } = this.#plane;
    try {
      const { statusCode, body } = await request(`${server.url}${runner}/queues/${queueId}/ping`, {
        dispatcher: this.#agent,
        method: 'POST',
        signal: this.#end.signal,
        headers: { authorization: `APIToken ${server.admin.tenantToken}` },
      });
      const response = await body.text();
      if (statusCode === 204) return 'answered';
      if (statusCode !== 504) return 'undelivered';
      if (response.includes('the runner did not respond in time')) return 'lost';
      if (response.includes('no healthy queue of the runner took the message')) return 'undelivered';
      throw new Error(`unknown outcome of a ping: ${response}`);
    } catch (error) {
      if (this.#end.signal.aborted) return 'given up';
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.#queueIds = await healthyQueues(this.#plane);
      await delay(refreshMs, undefined, { signal: this.#end.signal }).catch(() => {});
    }
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY;
}

/** The queues that get work. */
export async function healthyQueues(plane: TestControlPlane): Promise<string[]> {
  return (await listQueues(plane, '&includeHealthy=true&includeDrained=false')).map((queue) => queue.QueueID);
}

/** All queues that the server knows of the runner. */
export async function listQueues(
  plane: TestControlPlane,
  filter = '',
): Promise<{ QueueID: string; PublicKey: string }[]> {
  const { tenantId, runnerId } = plane.server.admin;
  const query = `tenantID=${tenantId}&runnerID=${runnerId}&maxResults=500${filter}`;
  return (await plane.call('GET', `/v1/runner-queues?${query}`)).body.Items;
}
