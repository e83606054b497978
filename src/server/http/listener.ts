import { createServer, type IncomingMessage, maxHeaderSize, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode, UserError } from '../../lib/errors.ts';
import type { ConnectionLimits } from './connection-limits.ts';

export interface ListenAddress {
  host: string;
  port: number;
}

/** PEM texts. */
export interface TlsKeyPair {
  cert: string;
  key: string;
}

/** A listening server. Disposal closes every connection and waits for all requests. */
export interface Listener extends AsyncDisposable {
  url: string;
  port: number;
  /** Starts to handle requests. Call it right after {@link listen}; `handle` must not reject. */
  serve(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): void;
}

const timeouts = {
  /** Between requests. */
  keepAliveTimeout: 65_000,
  /** Until a client has sent the headers of a request. */
  headersTimeout: 15_000,
  /** Until a client has sent a whole request. */
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5_000,
};

export interface ListenOptions {
  tls: TlsKeyPair | undefined;
  closeGraceMs: number;
  accepts?: (address: string) => boolean;
  limits?: ConnectionLimits | undefined;
}

/**
 * Listens on an address.
 * @param closeGraceMs how long requests may take to finish on disposal
 * @param accepts whether to accept connections from this address; default: all
 * @param limits shared by all listeners
 * @throws UserError if the address or the certificate cannot be used
 */
export async function listen({ host, port }: ListenAddress, options: ListenOptions): Promise<Listener> {
  const { tls, closeGraceMs, limits, accepts = () => true } = options;
  const server = createHttpServer(tls);
  server.prependListener('connection', (socket: Socket) => {
    if (!accepts(socket.remoteAddress ?? '')) socket.destroy();
  });
  limits?.apply(server);
  server.on('clientError', (error, socket) => rejectMalformed(error, socket));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen({ host, port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenError(error, host, port);
  }
  const running = new Set<Promise<void>>();
  return {
    url: urlOf(server, host, tls !== undefined),
    port: (server.address() as AddressInfo).port,
    serve: (handle) => {
      server.on('request', (request, response) => {
        const handled = handle(request, response).finally(() => running.delete(handled));
        running.add(handled);
      });
      // The handler rejects it; Node.js would do so without a body.
      server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    },
    [Symbol.asyncDispose]: async () => {
      await closeServer(server, closeGraceMs);
      await Promise.all(running);
    },
  };
}

function createHttpServer(tls: TlsKeyPair | undefined): Server {
  // Requests without a Host are rejected with the API's error.
  const options = { ...timeouts, noDelay: true, requireHostHeader: false };
  if (!tls) return createServer(options);
  try {
    return createTlsServer({ ...options, handshakeTimeout: timeouts.headersTimeout, ...tls });
  } catch (error) {
    throw new UserError('cannot use the TLS certificate and key', {
      remedy: 'Use PEM files, and the key that belongs to the certificate.',
      cause: error,
    });
  }
}

function listenError(error: unknown, host: string, port: number): unknown {
  const remedy = 'Choose another address with --listen.';
  const code = errorCode(error);
  if (code === 'EADDRINUSE')
    return new UserError(`cannot listen on ${host}:${port}: the address is in use`, { remedy, cause: error });
  if (code === 'EACCES')
    return new UserError(`cannot listen on ${host}:${port}: permission denied`, { remedy, cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new UserError(`cannot listen on ${host}: not an address of this machine`, { remedy, cause: error });
  }
  return error;
}

function urlOf(server: Server, host: string, secure: boolean): string {
  const { port } = server.address() as AddressInfo;
  // Clients cannot connect to a wildcard address.
  const callable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${secure ? 'https' : 'http'}://${callable.includes(':') ? `[${callable}]` : callable}:${port}`;
}

// Node.js closes only connections that are idle at the call, but they become idle as their requests finish.
const idleSweepMs = 10;

async function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  const limit = setTimeout(() => server.closeAllConnections(), graceMs);
  await promise;
  clearInterval(sweep);
  clearTimeout(limit);
}

const malformed = ['400 Bad Request', 'BadRequest', 'malformed HTTP request'] as const;
const rejections: Readonly<Record<string, readonly [status: string, errorType: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'RequestTimeout', 'incomplete request'],
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'RequestHeaderFieldsTooLarge',
    `the headers of the request are larger than ${maxHeaderSize / 1024} KiB`,
  ],
  HPE_INVALID_METHOD: ['501 Not Implemented', 'NotImplemented', 'the server does not know the method of the request'],
};
// For the parser, anything that is not HTTP has an invalid method too.
const requestLine = /^[A-Za-z]{1,50} \S{1,8000} HTTP\/1\.[01]\r?\n/;

/** Responds to malformed HTTP with the API's error. Requests notice broken connections on their own. */
function rejectMalformed(error: Error & { rawPacket?: Buffer }, socket: Duplex): void {
  if (!socket.writable || errorCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = errorCode(error) ?? '';
  const isOther = code === 'HPE_INVALID_METHOD' && !requestLine.test(error.rawPacket?.toString('latin1') ?? '');
  const [status, ErrorType, Message] = (isOther ? undefined : rejections[code]) ?? malformed;
  const body = JSON.stringify({ ResponseCode: Number.parseInt(status, 10), Message, ErrorType });
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close'];
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}
