import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request as forward } from 'undici';
import { slotsHeader } from '../../src/plan42/runner-headers.ts';
import { type FaultPlan, faults, type ProxiedCall } from './faults.ts';

const queueCalls = { PUT: 'register', GET: 'read', PATCH: 'update', DELETE: 'delete' } as const;
const keepAliveTimeoutMs = 2000;

/** A real HTTP proxy on the way from a runner to its server that does to calls what its plan says, and keeps a record. */
export class FaultProxy implements AsyncDisposable {
  /**
   * Drops the headers in which a runner reports its free slots, as if the server were another one: it sends more jobs than
   * there are slots.
   */
  hidesSlots = false;
  /** May be replaced at any time. */
  plan: FaultPlan = () => faults.none;
  readonly calls: ProxiedCall[] = [];
  /** When each message was handed to the runner whole. */
  readonly delivered = new Map<string, { at: number; queueId: string }>();
  readonly #target: () => string;
  readonly #onward = new Agent({ bodyTimeout: 0, headersTimeout: 0 });
  readonly #server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    // A client that disconnects early gets no response.
    this.#serve(request, response).catch(() => request.socket.destroy());
  });
  #port = 0;

  private constructor(target: () => string) {
    this.#target = target;
  }

  /** `target` tells where the server is now. */
  static async start(target: () => string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.acceptConnections();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections are refused from now on, and those that there are break. */
  async refuseConnections(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  async acceptConnections(): Promise<void> {
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Calls that the plan has let fail, or not, in order. */
  callsOf(kind: ProxiedCall['kind'], queueId?: string): ProxiedCall[] {
    return this.calls.filter((call) => call.kind === kind && (queueId === undefined || call.queueId === queueId));
  }

  /** How often the server has taken an answer to each message. */
  answerCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { messageId = '', serverStatus } of this.callsOf('answer')) {
      if (serverStatus === 204) counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuseConnections();
    await this.#onward.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = this.#note(request);
    const body = await text(request);
    if (call.kind === 'turn') call.turn = { ...JSON.parse(body), taskId: call.turn?.taskId };
    const fault = this.plan(call);
    call.fault = fault;
    if (fault.kind === 'unanswered') return;
    if (fault.kind === 'dropped') return reset(request.socket);
    if (fault.kind === 'foreign') return this.#finish(call, response, fault);
    if (fault.kind === 'slow') await delay(fault.delayMs);
    const answer = await this.#forward(call, request, response, body);
    call.serverStatus = answer.status;
    if (fault.kind === 'reset') reset(request.socket);
    else if (fault.kind === 'cut off') request.socket.end(firstHalf(answer));
    else this.#finish(call, response, answer);
  }

  #note({ method = '', url = '' }: IncomingMessage): ProxiedCall {
    const [, , , , , owner = '', what, queueId = '', messages, messageId] = (url.split('?')[0] ?? '').split('/');
    const management = queueCalls[method as keyof typeof queueCalls] ?? 'other';
    const ofQueue = messages === undefined ? management : messageId === undefined ? 'poll' : 'answer';
    const ofTask = what === 'turns' && method === 'PATCH' ? 'turn' : 'other';
    const kind = what === 'queues' ? ofQueue : ofTask;
    const turn = kind === 'turn' ? { taskId: owner } : undefined;
    const fresh = { fault: faults.none, serverStatus: undefined, status: undefined };
    const call = { at: performance.now(), kind, queueId, messageId, turn, ...fresh } as const;
    this.calls.push(call);
    return call;
  }

  /** Polls end when the runner disconnects. All other calls go through, so that the server's response is always recorded. */
  async #forward(
    { kind }: ProxiedCall,
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
  ): Promise<Answer> {
    const hungUp = new AbortController();
    if (kind === 'poll') response.once('close', () => response.writableFinished || hungUp.abort());
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    if (this.hidesSlots) delete headers[slotsHeader];
    const answer = await forward(this.#target() + request.url, {
      dispatcher: this.#onward,
      method: request.method as 'GET',
      headers,
      body: body === '' ? null : body,
      signal: hungUp.signal,
    });
    const type = answer.headers['content-type'];
    const answerHeaders = typeof type === 'string' ? { 'content-type': type } : {};
    return { status: answer.statusCode, headers: answerHeaders, body: await answer.body.text() };
  }

  #finish(call: ProxiedCall, response: ServerResponse, { status, headers, body }: Answer): void {
    response.writeHead(status, headers).end(body, (error?: Error) => {
      if (error) return;
      call.status = status;
      if (call.kind === 'poll' && call.serverStatus === 200) this.#noteMessages(call, body);
    });
  }

  #noteMessages({ queueId }: ProxiedCall, body: string): void {
    const { Messages } = JSON.parse(body) as { Messages?: { MessageID: string }[] | null };
    for (const { MessageID } of Messages ?? []) this.delivered.set(MessageID, { at: performance.now(), queueId });
  }
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

function firstHalf({ status, body }: Answer): string {
  const whole = `HTTP/1.1 ${status} Cut\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  return whole.slice(0, whole.length / 2);
}

/** The most calls within any second. */
export function busiestSecond(calls: readonly ProxiedCall[]): number {
  const times = calls.map((call) => call.at).toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, time] of times.entries()) {
    while ((times[first] ?? 0) <= time - 1000) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** A socket in shutdown must not be reset: Node.js 26 then loses it, and spins indefinitely at its own exit. */
function reset(socket: Socket): void {
  if (socket.writable) socket.resetAndDestroy();
  else socket.destroy();
}
