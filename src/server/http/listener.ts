import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode, UserError } from '../../lib/errors.ts';

export interface ListenAddress {
  host: string;
  port: number;
}

/** PEM texts. */
export interface TlsKeyPair {
  cert: string;
  key: string;
}

/** A listening server. Disposing of it ends every connection, and waits until no request is being answered. */
export interface Listener extends AsyncDisposable {
  url: string;
  /** Begins to answer. To be called right after {@link listen}; `answer` must not reject. */
  serve(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): void;
}

// A long poll is quiet for two minutes, and bodies are small: what Node.js limits by itself is enough.
const keepAliveTimeoutMs = 65_000;

/**
 * Listens on an address.
 * @param closeGraceMs how long requests may take to finish when the listener is disposed of
 * @throws UserError when the address or the certificate can't be used
 */
export async function listen(
  { host, port }: ListenAddress,
  { tls, closeGraceMs }: { tls: TlsKeyPair | undefined; closeGraceMs: number },
): Promise<Listener> {
  const server = createHttpServer(tls);
  server.on('clientError', (error, socket) => refuseMalformed(error, socket));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen({ host, port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw listenError(error, host, port);
  }
  const answering = new Set<Promise<void>>();
  return {
    url: urlOf(server, host, tls !== undefined),
    serve: (answer) => {
      server.on('request', (request, response) => {
        const answered = answer(request, response).finally(() => answering.delete(answered));
        answering.add(answered);
      });
    },
    [Symbol.asyncDispose]: async () => {
      await closeServer(server, closeGraceMs);
      await Promise.all(answering);
    },
  };
}

function createHttpServer(tls: TlsKeyPair | undefined): Server {
  const options = { keepAliveTimeout: keepAliveTimeoutMs, noDelay: true };
  if (!tls) return createServer(options);
  try {
    return createTlsServer({ ...options, ...tls });
  } catch (error) {
    throw new UserError('the TLS certificate and key cannot be used', {
      remedy: 'Both must be PEM files, and the key must be that of the certificate.',
      cause: error,
    });
  }
}

function listenError(error: unknown, host: string, port: number): unknown {
  const remedy = 'Choose another address with --listen.';
  const code = errorCode(error);
  if (code === 'EADDRINUSE')
    return new UserError(`${host}:${port} is in use by another program`, { remedy, cause: error });
  if (code === 'EACCES') return new UserError(`${host}:${port} may only be used by root`, { remedy, cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new UserError(`${host} is not an address of this machine`, { remedy, cause: error });
  }
  return error;
}

function urlOf(server: Server, host: string, secure: boolean): string {
  const { port } = server.address() as AddressInfo;
  // An address that stands for all of them can be listened on, but not called.
  const callable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${secure ? 'https' : 'http'}://${callable.includes(':') ? `[${callable}]` : callable}:${port}`;
}

// Connections become idle as their requests finish; Node.js only ends those that are idle already.
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

/** Connections break, which requests notice by themselves; what is no HTTP gets the API's error all the same. */
function refuseMalformed(error: Error, socket: Duplex): void {
  if (!socket.writable || errorCode(error) === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ ResponseCode: 400, Message: 'this is no HTTP request', ErrorType: 'BadRequest' });
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close'];
  socket.end(`HTTP/1.1 400 Bad Request\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}
