/** The HTTP proxy: CONNECT, and plain HTTP, whose requests are decided one by one. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { decide, type Refusal } from './decide.ts';
import { type Admitted, createForwarder, type Forwarder } from './forward-request.ts';
import { parseTarget, showTarget, type Target } from './host-name.ts';
import { endTls } from './intercept/end-tls.ts';
import type { UsedCredentials } from './intercept/placeholders.ts';
import { review } from './intercept/review.ts';
import { maxHeaderBytes } from './limits.ts';
import { refusedPath } from './refused.ts';
import { readRequestTarget } from './request-target.ts';
import { respond, respondRaw } from './responses.ts';
import { describeRefusal, describeUnreachable, httpPort, openTunnel, type ProxyDeps } from './tunnel.ts';

export interface HttpProxy extends Disposable {
  /** Takes over a connection. @param tunnel of a connection that is already in a tunnel that `openTunnel` leaves to it */
  accept(client: Socket, tunnel?: Target): void;
}

const checkIntervalMs = 2000;
const keepAliveMs = 60_000;

export function createHttpProxy(deps: ProxyDeps): HttpProxy {
  const { limits } = deps;
  const tunnels = new WeakMap<Socket, Tunnel>();
  const forwarder = createForwarder(deps);
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.headerMs,
    requestTimeout: 0,
    // A request without Host gets a response of ours, with the reason.
    requireHostHeader: false,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(checkIntervalMs, limits.headerMs),
    // Others, such as HTTP/2, would carry requests without a check.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  // Its sockets come from elsewhere, and only a server that listens watches its time limits.
  server.emit('listening');
  const context: ProxyContext = { ...deps, server, tunnels, forwarder };
  server
    .on('request', (request: IncomingMessage, response: ServerResponse) => onRequest(request, response, context))
    .on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      onConnect(request, socket, head, context),
    )
    .on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      onUpgrade(request, socket, head, context),
    )
    .on('clientError', onClientError);
  return {
    accept: (client, tunnel) => {
      if (tunnel === undefined) server.emit('connection', client);
      else enterTunnel(client, tunnel, context);
    },
    [Symbol.dispose]: () => {
      server.close();
      forwarder[Symbol.dispose]();
    },
  };
}

interface Tunnel {
  target: Target;
  /** Whether its TLS was ended here. */
  isSecure: boolean;
}

interface ProxyContext extends ProxyDeps {
  server: Server;
  tunnels: WeakMap<Socket, Tunnel>;
  forwarder: Forwarder;
}

/** Reads the requests in a tunnel whose client has got its reply. */
function enterTunnel(client: Socket, target: Target, context: ProxyContext): void {
  const { broker, tunnels, server } = context;
  const enter = (socket: Socket, isSecure: boolean) => {
    tunnels.set(socket, { target, isSecure });
    server.emit('connection', socket);
  };
  if (target.port === httpPort || broker?.intercepts(target) !== true) {
    enter(client, false);
    return;
  }
  endTls(client, target, broker, context).then(
    (secure) => secure && enter(secure, true),
    () => client.destroy(),
  );
}

type Admission = (Admitted & { failure?: undefined }) | { failure: { status: number; text: string } };

/** Decides about a request, and records a refusal. */
function admit(
  { url = '', rawHeaders, headers, httpVersion, httpVersionMajor, method = '', socket }: IncomingMessage,
  { policy, recorder, tunnels, broker }: ProxyContext,
): Admission {
  const refuse = (target: Target, refusal: Refusal) => {
    recorder.refuse(nameOf(target), refusal);
    return { failure: { status: 403, text: describeRefusal(showTarget(target), refusal) } };
  };
  const tunnel = tunnels.get(socket);
  const isSecure = tunnel?.isSecure === true;
  const read = readRequestTarget({ url, rawHeaders }, tunnel?.target, isSecure ? 443 : 80);
  const mistake = isSecure && !url.startsWith('/') ? 'it needs a path' : read.kind === 'invalid' && read.reason;
  const lacksHost = httpVersion === '1.1' && headers.host === undefined && 'it has no Host header';
  const reason = httpVersionMajor === 1 ? lacksHost || mistake : 'it is not HTTP/1.1';
  if (reason !== false || read.kind === 'invalid')
    return { failure: { status: 400, text: `plan42: network: bad request: ${reason}\n` } };
  if (read.kind === 'other') {
    const refusal: Refusal = {
      code: 'other-host-header',
      reason: `a request in its tunnel names another host, ${read.named}`,
      remedy: 'Send requests for another host to the proxy itself.',
    };
    return refuse(read.tunnel, refusal);
  }
  const { target, path } = read;
  const decision = decide(policy, target);
  if (decision.refusal !== undefined) return refuse(target, decision.refusal);
  const brokered = broker?.inject({ method, rawHeaders, path }, target, isSecure) ?? {
    rawHeaders,
    path,
    used: noCredentials,
  };
  if (brokered.refusal !== undefined) return refuse(target, brokered.refusal);
  return { ...brokered, target, isSecure, permission: decision.permission };
}

const noCredentials: UsedCredentials = new Map();

const nameOf = ({ host, port }: Target) => ({ host: host.text, port });

function onRequest(request: IncomingMessage, response: ServerResponse, context: ProxyContext): void {
  response.on('error', () => {});
  if (request.method === 'OPTIONS' && request.url === '*' && !context.tunnels.has(request.socket)) {
    // A probe asks whether the gateway responds.
    response.writeHead(204).end();
    return;
  }
  if (request.method === 'GET' && request.url === refusedPath && !context.tunnels.has(request.socket)) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ refused: context.recorder.refused() }));
    return;
  }
  const admission = admit(request, context);
  if (admission.failure !== undefined) {
    respond(response, admission.failure.status, admission.failure.text);
    return;
  }
  const guards = context.guards(admission.target);
  if (guards.length === 0) context.forwarder.forward(request, response, admission);
  else void review(request, response, admission, { ...context, guards });
}

function onUpgrade(request: IncomingMessage, client: Socket, head: Buffer, context: ProxyContext): void {
  client.on('error', () => client.destroy());
  const admission = admit(request, context);
  if (admission.failure !== undefined) respondRaw(client, admission.failure.status, admission.failure.text);
  // Nothing that passes in it could be reviewed.
  else if (context.guards(admission.target).some(({ passesWebSockets }) => passesWebSockets !== true))
    respondRaw(client, 403, 'plan42: network: this host cannot be used with WebSockets\n');
  else context.forwarder.upgrade(request, client, head, admission);
}

function onConnect(request: IncomingMessage, client: Socket, head: Buffer, context: ProxyContext): void {
  client.on('error', () => client.destroy());
  const target = context.tunnels.has(client) ? undefined : parseTarget(request.url ?? '');
  if (target === undefined) {
    respondRaw(client, 400, 'plan42: network: bad request: CONNECT needs HOST:PORT, outside of other tunnels\n');
    return;
  }
  if (head.length > 0) client.unshift(head);
  const replies = {
    established: () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    refused: (refusal: Refusal) => respondRaw(client, 403, describeRefusal(showTarget(target), refusal)),
    unreachable: (reason: string) => respondRaw(client, 502, describeUnreachable(target, reason)),
  };
  openTunnel(client, target, replies, context).then(
    (permission) => {
      if (permission !== undefined) enterTunnel(client, target, context);
    },
    () => client.destroy(),
  );
}

function onClientError(error: NodeJS.ErrnoException, client: Socket): void {
  client.on('error', () => client.destroy());
  if (error.code === 'ECONNRESET' || !client.writable) client.destroy();
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    respondRaw(client, 408, 'plan42: network: the request took too long\n');
  else if (error.code === 'HPE_HEADER_OVERFLOW') respondRaw(client, 431, 'plan42: network: the headers are too long\n');
  else respondRaw(client, 400, 'plan42: network: bad request: it is not HTTP/1.1\n');
}
