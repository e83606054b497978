import { randomUUID } from 'node:crypto';
import { Agent } from 'undici';
import * as v from 'valibot';
import { Plan42Client, type QueuePath } from '../../src/plan42/client.ts';
import {
  decrypt,
  encrypt,
  generateKeyPair,
  type KeyPair,
  parsePublicKey,
  publicKeyPem,
} from '../../src/plan42/ecies.ts';
import { RunnerMessage } from '../../src/plan42/runner-objects.ts';
import { parseRunnerToken } from '../../src/plan42/runner-token.ts';
import type { Json } from './json.ts';

/** Answers a request; undefined leaves its caller without an answer. */
export type Answerer = (request: Json) => object | undefined | Promise<object | undefined>;

export interface FakeRunnerOptions {
  url: string;
  token: string;
  answer?: Answerer;
  /** Sent with each poll and response. */
  headers?: () => Record<string, string>;
}

/** One queue of a runner that does nothing but poll and answer. Disposing of it stops the polling, and no more. */
export class FakeRunner implements AsyncDisposable {
  readonly client: Plan42Client;
  readonly queue: QueuePath;
  readonly keys: KeyPair = generateKeyPair();
  /** Every decrypted request, in the order of arrival. */
  readonly requests: Json[] = [];
  readonly #transport = new Agent();
  readonly #stop = new AbortController();
  readonly #answer: Answerer;
  readonly #headers: () => Record<string, string>;
  #polling: Promise<void> = Promise.resolve();

  constructor({ url, token, answer = answerAll, headers = () => ({}) }: FakeRunnerOptions) {
    const { tenantId, runnerId } = parseRunnerToken(token);
    this.client = new Plan42Client({ transport: this.#transport, baseUrl: new URL(url), token, userAgent: 'fake' });
    this.queue = { tenantId, runnerId, queueId: randomUUID() };
    this.#answer = answer;
    this.#headers = headers;
  }

  get path(): string {
    const { tenantId, runnerId, queueId } = this.queue;
    return `/v1/tenants/${tenantId}/runners/${runnerId}/queues/${queueId}`;
  }

  async register(): Promise<void> {
    await this.client.registerQueue(this.queue, publicKeyPem(this.keys.publicKey));
  }

  /** Polls and answers until it is disposed of, or the server ends it. */
  start(): void {
    this.#polling = this.#poll().catch(() => {});
  }

  /** One poll; the messages as they came, still encrypted. */
  async receive(waitMs: number, signal?: AbortSignal): Promise<RunnerMessage[]> {
    const messages = await this.client.getMessages(this.queue, waitMs, { signal, headers: this.#headers() });
    return messages.map((message) => v.parse(RunnerMessage, message));
  }

  read(message: RunnerMessage): Json {
    return JSON.parse(decrypt(message.Payload, this.keys.privateKey).toString('utf8'));
  }

  async write(message: RunnerMessage, response: object): Promise<void> {
    const payload = encrypt(Buffer.from(JSON.stringify(response)), parsePublicKey(message.CallerPublicKey));
    const address = { messageId: message.MessageID, callerId: message.CallerID };
    await this.client.writeResponse(this.queue, address, payload, { headers: this.#headers() });
  }

  async #poll(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const messages = await this.receive(30_000, this.#stop.signal);
      await Promise.all(messages.map((message) => this.handle(message)));
    }
  }

  async handle(message: RunnerMessage): Promise<void> {
    const request = this.read(message);
    this.requests.push(request);
    const response = await this.#answer(request);
    if (response) await this.write(message, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#polling;
    await this.#transport.destroy();
  }
}

/** Answers pings, and takes on every turn. */
export function answerAll(request: Json): object | undefined {
  if (request.Type === 'PingRequest') return { Type: 'PingResponse' };
  if (request.Type === 'InvokeAgentRequest') return { Type: 'InvokeAgentResponse', ErrorMessage: null };
  return undefined;
}

export async function startFakeRunner(options: FakeRunnerOptions): Promise<FakeRunner> {
  const runner = new FakeRunner(options);
  await runner.register();
  runner.start();
  return runner;
}
