/** The runner's side of the control socket. */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { withShortPath } from '../lib/short-path.ts';
import type { ControlCalls, ControlResponse } from './messages.ts';
import { controlSocketPath } from './socket-path.ts';

export interface ControlServerOptions {
  stateDir: string;
  calls: ControlCalls;
  logger: Logger;
}

const keepAliveMs = 1000;
const maxConnections = 32;

/**
 * Responds to commands on a socket in the state folder. The caller holds the folder's lock, so an existing socket is stale.
 * Failures are logged and do not stop the runner. The caller disposes of the server.
 */
export async function startControlServer({ stateDir, calls, logger }: ControlServerOptions): Promise<AsyncDisposable> {
  const path = controlSocketPath(stateDir);
  const server = createServer((request, response) => {
    respond(request, response, calls).catch((error: unknown) => {
      logger.debug('control request failed', { error });
      response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  try {
    await rm(path, { force: true });
    await withShortPath(path, (shortPath) => listen(server, shortPath));
    server.on('error', (error) => logger.warn('control socket failed', { error }));
  } catch (error) {
    server.close();
    const remedy = 'Choose a state folder on a local file system with --state-dir. "plan42 runner status" needs it.';
    logger.warn('cannot open control socket', { path, error, remedy });
  }
  return { [Symbol.asyncDispose]: () => close(server, path) };
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).once('listening', () => {
    server.off('error', reject);
    resolve();
  });
  // The socket is created during this call, and is never accessible to other users.
  const umask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
  return promise;
}

async function close(server: Server, path: string): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
  await rm(path, { force: true });
}

async function respond(request: IncomingMessage, response: ServerResponse, calls: ControlCalls): Promise<void> {
  request.resume();
  const work = findCall(`${request.method} ${request.url}`, calls);
  if (work === undefined) {
    response.writeHead(404).end(serialise({ error: 'unknown request' }));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
  // The client can distinguish long work from a hung runner.
  const keepAlive = setInterval(() => response.write(' '), keepAliveMs);
  // Even if the client disconnects: a timer for abandoned work must not keep the process alive.
  response.once('close', () => clearInterval(keepAlive));
  response.end(serialise(await perform(work)));
}

const killPath = /^POST \/v1\/jobs\/([\w-]+)\/kill$/;

function findCall(call: string, calls: ControlCalls): (() => unknown) | undefined {
  if (call === 'GET /v1/status') return () => calls.status();
  if (call === 'POST /v1/reload') return () => calls.reload();
  const jobId = killPath.exec(call)?.[1];
  return jobId === undefined ? undefined : () => calls.kill(jobId);
}

async function perform(work: () => unknown): Promise<ControlResponse> {
  try {
    return { result: await work() };
  } catch (error) {
    return { error: formatError(error) };
  }
}

function serialise(body: ControlResponse): string {
  return `${JSON.stringify(body)}\n`;
}
