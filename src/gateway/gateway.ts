/** The gateway of one job: the only way out of its network. It listens once the policy is loaded, on a Unix socket. */
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { withShortPath } from '../lib/short-path.ts';
import { type EgressPolicy, readPolicy, socketFile, socketFolder } from './policy.ts';

export interface GatewayOptions {
  /** Contains the policy, the socket's folder and the report. */
  folder: string;
  /** Writes a line into the job's log. */
  writeLine: (line: string) => void;
}

export interface Gateway extends AsyncDisposable {
  readonly policy: EgressPolicy;
}

/** Resolves when the gateway listens. Rejects, without a socket, if the policy cannot be read. */
export async function startGateway({ folder }: GatewayOptions): Promise<Gateway> {
  const path = join(folder, socketFolder, socketFile);
  // A killed gateway leaves it.
  await rm(path, { force: true });
  const policy = await readPolicy(folder);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    socket.resume();
  });
  await withShortPath(path, (shortPath) => listen(server, shortPath));
  await chmod(path, 0o666);
  return {
    policy,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await rm(path, { force: true });
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen({ path });
  await once(server, 'listening');
}
