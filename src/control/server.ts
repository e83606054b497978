/** The runner's side of the control socket. */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Answer, ControlCalls } from './messages.ts';
import { controlSocketPath, withShortPath } from './socket-path.ts';

export interface ControlServerOptions {
  stateDir: string;
  calls: ControlCalls;
  logger: Logger;
}

const signOfLifeMs = 1000;
const maxConnections = 32;

/**
 * Answers commands on a socket in the state folder, which the caller has locked: a socket that is there is a dead
 * runner's. Whatever fails here is logged and costs the runner nothing else. The caller disposes of it.
 */
export async function startControlServer({ stateDir, calls, logger }: ControlServerOptions): Promise<AsyncDisposable> {
  const path = controlSocketPath(stateDir);
  const server = createServer((request, response) => {
    respond(request, response, calls).catch((error: unknown) => {
      logger.debug('a control call could not be answered', { error });
      response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  try {
    await rm(path, { force: true });
    await withShortPath(path, (shortPath) => listen(server, shortPath));
    server.on('error', (error) => logger.warn('the control socket failed', { error }));
  } catch (error) {
    server.close();
    logger.warn('there is no control socket: "plan42 runner status" cannot ask this runner', { path, error });
  }
  return { [Symbol.asyncDispose]: () => close(server, path) };
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).once('listening', () => {
    server.off('error', reject);
    resolve();
  });
  // The socket is made during this call, and never open to others.
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
    response.writeHead(404).end(serialise({ error: 'there is no such call' }));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
  // Long work is told from a runner that hangs.
  const signsOfLife = setInterval(() => response.write(' '), signOfLifeMs);
  // However it ends: work that nobody waits for any more must not keep the runner from ending.
  response.once('close', () => clearInterval(signsOfLife));
  response.end(serialise(await perform(work)));
}

const killPath = /^POST \/v1\/jobs\/([\w-]+)\/kill$/;

function findCall(call: string, calls: ControlCalls): (() => unknown) | undefined {
  if (call === 'GET /v1/status') return () => calls.status();
  if (call === 'POST /v1/reload') return () => calls.reload();
  const jobId = killPath.exec(call)?.[1];
  return jobId === undefined ? undefined : () => calls.kill(jobId);
}

async function perform(work: () => unknown): Promise<Answer> {
  try {
    return { result: await work() };
  } catch (error) {
    return { error: formatError(error) };
  }
}

function serialise(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}
