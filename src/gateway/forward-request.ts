/** Passes one request on, over a connection to a checked address. */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline, Readable } from 'node:stream';
import { UnreachableError } from './connected.ts';
import type { Permission } from './decide.ts';
import { connectToProxy, proxyAuthorization } from './front-proxy.ts';
import { passedOn, valuesOf } from './headers.ts';
import { showTarget, type Target } from './host-name.ts';
import { readAnswer } from './intercept/answer.ts';
import { beginTls } from './intercept/end-tls.ts';
import type { Answer, Question, ResponseHead, ResponseTap } from './intercept/hooks.ts';
import type { UsedCredentials } from './intercept/placeholders.ts';
import { tapped } from './intercept/taps.ts';
import { maxHeaderBytes } from './limits.ts';
import { relay } from './relay.ts';
import { respond, respondRaw } from './responses.ts';
import { describeRefusal, describeUnreachable, type ProxyDeps } from './tunnel.ts';
import { RefusedError } from './upstream.ts';

export interface Admitted {
  target: Target;
  /** With credentials, as are the headers. */
  path: string;
  rawHeaders: readonly string[];
  /** These credentials. */
  used: UsedCredentials;
  /** Whether the request came by TLS, and leaves by TLS. */
  isSecure: boolean;
  permission: Permission;
}

/** Changes that guards make to a request and its response. */
export interface Changes {
  body?: AsyncIterable<Uint8Array> | undefined;
  bodyLength?: number | undefined;
  headers: readonly string[];
  taps: readonly ((head: ResponseHead) => ResponseTap | undefined)[];
}

export interface Forwarder extends Disposable {
  forward(request: IncomingMessage, response: ServerResponse, admitted: Admitted, changes?: Changes): void;
  /** Sends a request of a guard's own, with the credentials of the admitted one. @throws UnreachableError */
  ask(question: Question, admitted: Admitted): Promise<Answer>;
  /** For a WebSocket. Its frames are passed on only if the host accepts it. */
  upgrade(request: IncomingMessage, client: Socket, head: Buffer, admitted: Admitted): void;
}

const maxIdleConnections = 8;
const idleConnectionMs = 15_000;

/** Where the agent finds what it needs for a connection. */
type CheckedOptions = { admitted?: Admitted };

export function createForwarder(deps: ProxyDeps): Forwarder {
  const { policy, upstream, recorder, limits, broker } = deps;
  const never = new AbortController().signal;

  /** Connections are used again only for the same host and port, which is what they were checked for. */
  class CheckedAgent extends Agent {
    override createConnection(
      options: object,
      callback?: (error: Error | null, stream: Duplex) => void,
    ): Duplex | undefined {
      const { admitted } = options as CheckedOptions;
      if (admitted === undefined) throw new Error('a connection without a decision');
      void this.#open(admitted, callback);
      return undefined;
    }

    async #open(admitted: Admitted, done?: (error: Error | null, stream: Duplex) => void): Promise<void> {
      const socket = await open(admitted).catch((error: unknown) => error as Error);
      if (socket instanceof Error) done?.(socket, undefined as never);
      else done?.(null, socket);
    }
  }

  async function open({ target, permission, isSecure }: Admitted): Promise<Socket> {
    if (isSecure && broker !== undefined) {
      const socket = await upstream.connect(target, permission, never);
      return await beginTls(socket, target, broker, { timeoutMs: limits.headerMs, signal: never });
    }
    const proxy = upstream.proxyFor(target, permission);
    if (proxy === undefined) return await upstream.connect(target, permission, never);
    await upstream.requireNoPrivateName(target, permission);
    return await connectToProxy(proxy, policy.proxy?.caFile, { timeoutMs: limits.headerMs, signal: never });
  }

  const createAgent = () => {
    const agent = new CheckedAgent({ keepAlive: true, maxFreeSockets: maxIdleConnections, timeout: limits.idleMs });
    return agent.on('free', (socket: Socket) => socket.setTimeout(idleConnectionMs));
  };
  // A connection with TLS is never used for a request without it.
  const agents = { plain: createAgent(), secure: createAgent() };

  function send(
    { method }: { method?: string | undefined },
    admitted: Admitted,
    headers: readonly string[],
    replaced: readonly string[] = [],
  ): ClientRequest {
    const { target, path, rawHeaders, permission, isSecure } = admitted;
    const proxy = isSecure ? undefined : upstream.proxyFor(target, permission);
    const host = showTarget(target).replace(isSecure ? /:443$/ : /:80$/, '');
    const authorization = proxy && proxyAuthorization(proxy);
    return sendRequest({
      agent: isSecure ? agents.secure : agents.plain,
      admitted,
      host: target.host.text,
      port: target.port,
      method,
      path: proxy === undefined ? path : `http://${host}${path}`,
      headers: [
        ...['Host', host],
        ...passedOn(rawHeaders, ['host', 'expect', ...replaced]),
        ...(authorization === undefined ? [] : ['Proxy-Authorization', authorization]),
        ...headers,
      ],
      maxHeaderSize: maxHeaderBytes,
      setDefaultHeaders: false,
    } as object);
  }

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    admitted: Admitted,
    changes: Changes = noChanges,
  ): void {
    const addBytes = recorder.allow(named(admitted), admitted.permission);
    const { body, bodyLength } = changes;
    const framing = bodyLength === undefined ? framingOf(request) : ['Content-Length', String(bodyLength)];
    const replaced = changes.headers.filter((_, n) => n % 2 === 0).map((name) => name.toLowerCase());
    if (bodyLength !== undefined) replaced.push('content-length');
    let proxied: ClientRequest;
    try {
      proxied = send(request, admitted, [...changes.headers, ...framing], replaced);
    } catch {
      respond(response, 400, 'plan42: network: bad request: it has invalid characters\n');
      return;
    }
    countBytes(proxied, addBytes);
    proxied.on('response', (incoming) => {
      broker?.noteStatus(incoming.statusCode ?? 0, admitted.target, admitted.used);
      passResponse(incoming, response, changes.taps);
    });
    proxied.on('error', (error) => {
      // The host closed an idle connection while the request was on its way to it.
      const mayRepeat = proxied.reusedSocket && framing.length === 0 && !hasBody(request) && !response.headersSent;
      if (mayRepeat && !response.destroyed && ['GET', 'HEAD'].includes(request.method ?? ''))
        forward(request, response, admitted, changes);
      else fail(error, admitted, (status, text) => respond(response, status, text));
    });
    response.once('close', () => {
      if (!response.writableFinished) proxied.destroy();
    });
    request.on('error', () => proxied.destroy());
    if (body === undefined) request.pipe(proxied);
    else pipeline(Readable.from(body, { objectMode: false }), proxied, () => {});
  }

  async function ask({ method, path, headers, body = '' }: Question, admitted: Admitted): Promise<Answer> {
    const authorization = valuesOf(admitted.rawHeaders, 'authorization').flatMap((value) => ['Authorization', value]);
    const rawHeaders = [...headers, ...authorization];
    const length = body === '' ? [] : ['Content-Length', String(Buffer.byteLength(body))];
    const sent = send({ method }, { ...admitted, path, rawHeaders }, length);
    sent.end(body);
    return await readAnswer(sent, limits.headerMs);
  }

  function upgrade(request: IncomingMessage, client: Socket, head: Buffer, admitted: Admitted): void {
    const addBytes = recorder.allow(named(admitted), admitted.permission);
    let proxied: ClientRequest;
    try {
      proxied = send(request, admitted, ['Connection', 'Upgrade', 'Upgrade', 'websocket']);
    } catch {
      respondRaw(client, 400, 'plan42: network: bad request: it has invalid characters\n');
      return;
    }
    client.once('close', () => proxied.destroy());
    proxied.on('upgrade', (incoming, socket, first) => {
      if (incoming.headers.upgrade?.toLowerCase() !== 'websocket') {
        socket.destroy();
        respondRaw(client, 502, describeUnreachable(admitted.target, 'it switched to another protocol'));
        return;
      }
      const headers = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...passedOn(incoming.rawHeaders)];
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${headerText(headers)}\r\n`, 'latin1');
      if (first.length > 0) socket.unshift(first);
      if (head.length > 0) client.unshift(head);
      relay(client, socket, { idleMs: limits.idleMs, onBytes: addBytes });
    });
    // Not a WebSocket after all: what the client sends next must not be read by the host as a request.
    proxied.on('response', (incoming) => {
      incoming.on('error', () => {}).resume();
      respondRaw(
        client,
        502,
        describeUnreachable(admitted.target, `it refused the WebSocket with ${incoming.statusCode}`),
      );
    });
    proxied.on('error', (error) => fail(error, admitted, (status, text) => respondRaw(client, status, text)));
    proxied.end();
  }

  function fail(error: Error, admitted: Admitted, reply: (status: number, text: string) => void): void {
    const { target } = admitted;
    if (error instanceof RefusedError) {
      recorder.withdraw(named(admitted), admitted.permission);
      recorder.refuse({ host: target.host.text, port: target.port }, error.refusal);
      reply(403, describeRefusal(showTarget(target), error.refusal));
    } else {
      const reason =
        error instanceof UnreachableError ? error.message : 'it closed the connection or does not speak HTTP/1.1';
      reply(502, describeUnreachable(target, reason));
    }
  }

  return {
    forward,
    upgrade,
    ask,
    [Symbol.dispose]: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

const named = ({ target }: Admitted) => ({ host: target.host.text, port: target.port });

const hasBody = ({ rawHeaders }: IncomingMessage) =>
  valuesOf(rawHeaders, 'content-length').length + valuesOf(rawHeaders, 'transfer-encoding').length > 0;

/** The header that delimits a body whose length is not passed on as it is. */
function framingOf(request: IncomingMessage): string[] {
  if (valuesOf(request.rawHeaders, 'transfer-encoding').length > 0) return ['Transfer-Encoding', 'chunked'];
  const needsLength = ['POST', 'PUT', 'PATCH'].includes(request.method ?? '') && !hasBody(request);
  return needsLength ? ['Content-Length', '0'] : [];
}

const noChanges: Changes = { headers: [], taps: [] };

function passResponse(incoming: IncomingMessage, response: ServerResponse, makeTaps: Changes['taps']): void {
  response.sendDate = false;
  const head = { status: incoming.statusCode ?? 502, rawHeaders: incoming.rawHeaders };
  const taps = makeTaps.flatMap((make) => make(head) ?? []);
  const replaced = taps.some(({ changes }) => changes) ? ['content-length'] : [];
  try {
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, passedOn(incoming.rawHeaders, replaced));
  } catch {
    incoming.destroy();
    respond(response, 502, 'plan42: network: the response of the host is not HTTP/1.1\n');
    return;
  }
  // Event streams have a first byte long before the second.
  response.flushHeaders();
  tapped(incoming, taps, response).pipe(response);
  // A body that was cut must not look complete.
  incoming.on('error', () => response.destroy());
  incoming.once('close', () => {
    if (!incoming.complete) response.destroy();
  });
}

function countBytes(proxied: ClientRequest, addBytes: (sent: number, received: number) => void): void {
  proxied.once('socket', (socket: Socket) => {
    const before = { sent: socket.bytesWritten, received: socket.bytesRead };
    proxied.once('close', () => addBytes(socket.bytesWritten - before.sent, socket.bytesRead - before.received));
  });
}

function headerText(headers: readonly string[]): string {
  let text = '';
  for (let n = 0; n + 1 < headers.length; n += 2) text += `${headers[n]}: ${headers[n + 1]}\r\n`;
  return text;
}
