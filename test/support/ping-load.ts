import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { TestControlPlane } from './control-plane.ts';

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
        ...{ dispatcher: this.#agent, method: 'POST', signal: this.#end.signal },
        headers: { authorization: `APIToken ${server.admin.tenantToken}` },
      });
      const said = await body.text();
      if (statusCode === 204) return 'answered';
      return statusCode === 504 && said.includes('did not answer') ? 'lost' : 'undelivered';
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
