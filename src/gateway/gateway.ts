/** The gateway of one job: the only way out of its network. It listens once the policy is loaded, on a Unix socket. */
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { exists } from '../lib/files.ts';
import { withShortPath } from '../lib/short-path.ts';
import { createHttpProxy } from './http-proxy.ts';
import { createBroker } from './intercept/broker.ts';
import { createGuards, type FindGuards } from './intercept/guards.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { LedgerEntry } from './models/ledger.ts';
import { type EgressPolicy, policyFile, readPolicy, socketFile, socketFolder } from './policy.ts';
import { createRecorder } from './recorder.ts';
import type { Report } from './report.ts';
import { respondRaw } from './responses.ts';
import { acceptSocks, socksVersion } from './socks.ts';
import type { ProxyDeps } from './tunnel.ts';
import { createUpstream, type LookUp } from './upstream.ts';

export interface GatewayOptions {
  /** Contains the policy, the socket's folder and the report. */
  folder: string;
  /** Writes a line into the job's log. */
  writeLine: (line: string) => void;
  limits?: Partial<Limits>;
  lookUp?: LookUp;
  mapPort?: (port: number) => number;
  /** In place of those of the policy. */
  guards?: FindGuards;
  /** Called with the report when the gateway begins, and whenever it has changed. It is the same object each time. */
  onReport?: (report: Report) => void;
  /** Called for each call of a model, those of a gateway that was killed included, with its number from 0 on. */
  onCall?: (entry: LedgerEntry, index: number) => void;
}

export interface Gateway extends AsyncDisposable {
  readonly policy: EgressPolicy;
  /** Resolves when the job is over, or its folder is gone. */
  readonly abandoned: Promise<void>;
  /** Takes a connection of the job that did not come by the socket. Its owner resumes it then. */
  accept: (socket: Socket) => void;
}

/** Created when the job is over. */
const endedFile = 'ended';
const folderCheckMs = 2000;

/** Connections that wait to be accepted. The kernel caps it. */
const backlog = 4096;

/** Resolves when the gateway listens. Rejects, without a socket, if the policy cannot be read. */
export async function startGateway({
  folder,
  writeLine,
  limits,
  lookUp,
  mapPort,
  ...options
}: GatewayOptions): Promise<Gateway> {
  const path = join(folder, socketFolder, socketFile);
  // A killed gateway leaves it.
  await rm(path, { force: true });
  const policy = await readPolicy(folder);
  const { onReport, onCall } = options;
  const recorder = await createRecorder({ folder, policy, writeLine, ...(onReport && { onReport }) });
  const upstream = createUpstream({ policy, ...(lookUp && { lookUp }), ...(mapPort && { mapPort }) });
  const broker = policy.broker && (await createBroker({ folder, policy: policy.broker, writeLine }));
  const guards = options.guards ?? (await createGuards({ folder, policy, writeLine, ...(onCall && { onCall }) }));
  const deps: ProxyDeps = { policy, upstream, recorder, limits: { ...defaultLimits, ...limits }, broker, guards };
  const http = createHttpProxy(deps);
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    if (sockets.size >= deps.limits.maxConnections) {
      respondRaw(
        socket,
        503,
        `plan42: network: more than ${deps.limits.maxConnections} connections; try again later\n`,
      );
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    selectProtocol(socket, deps.limits.headerMs, (first) => {
      if (first === socksVersion)
        void acceptSocks(socket, { ...deps, acceptHttp: (client, tunnel) => http.accept(client, tunnel) });
      else {
        http.accept(socket);
        socket.resume();
      }
    });
  };
  const server = createServer({ allowHalfOpen: true }, accept);
  await withShortPath(path, (shortPath) => listen(server, shortPath));
  await chmod(path, 0o666);
  const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
  const checkFolder = async () => {
    const isEnded = (await exists(join(folder, endedFile))) || !(await exists(join(folder, policyFile)));
    if (isEnded) abandon();
  };
  const folderCheck = setInterval(() => void checkFolder().catch(() => {}), folderCheckMs);
  return {
    policy,
    abandoned,
    accept,
    [Symbol.asyncDispose]: async () => {
      clearInterval(folderCheck);
      server.close();
      for (const socket of sockets) socket.destroy();
      http[Symbol.dispose]();
      broker?.[Symbol.dispose]();
      await rm(path, { force: true });
      await recorder[Symbol.asyncDispose]();
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen({ path, backlog });
  await once(server, 'listening');
}

/** Calls `accept` with the first byte, which stays in the socket. */
function selectProtocol(socket: Socket, timeoutMs: number, accept: (first: number) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once('close', () => clearTimeout(timer));
  const onEnd = () => socket.destroy();
  socket.once('end', onEnd);
  socket.once('data', (chunk: Buffer) => {
    clearTimeout(timer);
    socket.off('end', onEnd);
    socket.pause();
    socket.unshift(chunk);
    accept(chunk[0] ?? 0);
  });
}
