import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decrypt,
  encrypt,
  generateKeyPair,
  parsePublicKey,
  publicKeyPem,
  type WrappedSecret,
} from '../../src/plan42/ecies.ts';
import { eventually } from './eventually.ts';
import type { Json } from './json.ts';

/** The decrypted response of the runner, or undefined if there was none in time. */
export type RunnerAnswer = Record<string, Json> | undefined;

/**
 * The smallest control plane that a runner accepts: one runner, its queues, and messages exactly as a test needs them,
 * including invalid ones. Use the real control plane for everything else.
 */
export class MessagePlane implements AsyncDisposable {
  readonly tenantId = randomUUID();
  readonly runnerId = randomUUID();
  readonly token: string;
  /** By queue ID. */
  readonly queueKeys = new Map<string, string>();
  /** Bodies of turn updates, in order. */
  readonly turnUpdates: unknown[] = [];
  readonly #caller = generateKeyPair();
  readonly #callerPem = publicKeyPem(this.#caller.publicKey);
  readonly #answers = new Map<string, (answer: RunnerAnswer) => void>();
  readonly #waiting: (object | string)[] = [];
  #poll: (() => void) | undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor() {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      sub: this.tenantId,
      runner_id: this.runnerId,
      iat: now,
      nbf: now,
      exp: now + 3600,
      jti: randomUUID(),
    };
    this.token = `p42r_${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${part(claims)}.${'A'.repeat(86)}`;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Creates a valid message with this body, or an invalid one with `changes`. */
  message(
    body: unknown,
    changes: { payload?: Partial<WrappedSecret> | null; [field: string]: unknown } = {},
  ): Record<string, unknown> {
    const plaintext = typeof body === 'string' ? body : JSON.stringify(body);
    const [queueId = '', pem = ''] = [...this.queueKeys].at(-1) ?? [];
    const { payload, ...fields } = changes;
    return {
      TenantID: this.tenantId,
      RunnerID: this.runnerId,
      QueueID: queueId,
      MessageID: randomUUID(),
      CallerID: randomUUID(),
      CallerPublicKey: this.#callerPem,
      CreatedAt: new Date().toISOString(),
      Payload: payload === null ? null : { ...encrypt(Buffer.from(plaintext), parsePublicKey(pem)), ...payload },
      ...fields,
    };
  }

  /**
   * Delivers the messages in one batch and returns their responses, half a second after as many as are expected have come.
   */
  async deliverExpecting(count: number, messages: Record<string, unknown>[]): Promise<RunnerAnswer[]> {
    const answers: RunnerAnswer[] = messages.map(() => undefined);
    for (const [index, { MessageID }] of messages.entries()) {
      this.#answers.set(String(MessageID), (answer) => {
        answers[index] = answer;
      });
    }
    this.#waiting.push(...messages);
    this.#poll?.();
    await eventually(async () => answers.filter((answer) => answer !== undefined).length >= count);
    await sleep(500);
    return answers;
  }

  /** Delivers the messages in one batch and returns their responses. A text is part of the poll's JSON as it is. */
  async deliver(messages: (Record<string, unknown> | string)[], timeoutMs = 5000): Promise<RunnerAnswer[]> {
    const answers = messages.map((message) => {
      const { promise, resolve } = Promise.withResolvers<RunnerAnswer>();
      if (typeof message === 'string') resolve(undefined);
      else this.#answers.set(String(message['MessageID']), resolve);
      setTimeout(resolve, timeoutMs, undefined).unref();
      return promise;
    });
    this.#waiting.push(...messages);
    this.#poll?.();
    return Promise.all(answers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, , , , kind, , , queueId = '', what, messageId = ''] = (request.url?.split('?')[0] ?? '').split('/');
    const body = request.method === 'GET' ? '' : await text(request);
    if (kind === 'tasks' && request.method === 'GET') return reply(response, 200, { Version: 1, Status: 'Executing' });
    if (kind === 'tasks') return this.#updateTurn(body, response);
    if (what === undefined) return this.#manageQueue(request.method ?? '', queueId, body, response);
    if (messageId === '') return this.#answerPoll(response);
    const answer = JSON.parse(body) as { Payload: WrappedSecret };
    this.#answers.get(messageId)?.(JSON.parse(decrypt(answer.Payload, this.#caller.privateKey).toString()));
    response.writeHead(204).end();
  }

  #updateTurn(body: string, response: ServerResponse): void {
    this.turnUpdates.push(JSON.parse(body));
    reply(response, 200, {
      Version: this.turnUpdates.length + 1,
      Status: 'Executing',
      FromServer: true,
      ...JSON.parse(body),
    });
  }

  #manageQueue(method: string, queueId: string, body: string, response: ServerResponse): void {
    if (method === 'PUT') this.queueKeys.set(queueId, JSON.parse(body).PublicKey);
    if (method === 'DELETE') response.writeHead(204).end();
    else reply(response, method === 'PUT' ? 201 : 200, { QueueID: queueId, Version: 1 });
  }

  #answerPoll(response: ServerResponse): void {
    const answer = () => {
      this.#poll = undefined;
      clearTimeout(timer);
      const messages = this.#waiting
        .splice(0, 10)
        .map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
      response.writeHead(200, { 'content-type': 'application/json' }).end(`{"Messages":[${messages.join()}]}`);
    };
    const timer = setTimeout(answer, 200);
    this.#poll = answer;
    if (this.#waiting.length > 0) answer();
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
