/** A gateway in this process, and servers behind it. Names lead to loopback, whose ports the policy has to open. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { writeCredentials } from '../../src/gateway/credentials.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import type { FindGuards } from '../../src/gateway/intercept/guards.ts';
import type { Limits } from '../../src/gateway/limits.ts';
import { type EgressPolicy, reportFile, socketFile, socketFolder, writePolicy } from '../../src/gateway/policy.ts';
import { type Report, readReport } from '../../src/gateway/report.ts';
import { makeTempDir } from './temp-dir.ts';
import { tlsPair } from './tls-pair.ts';

export interface TestGateway extends AsyncDisposable {
  folder: string;
  lines: string[];
  /** A new connection to its socket. */
  connect: () => Promise<Socket>;
  /** Sends text and returns all that comes until the other side closes. */
  exchange: (...parts: readonly (string | Buffer)[]) => Promise<string>;
  /** As it is when the gateway has ended. */
  stop: () => Promise<Report>;
}

export interface TestGatewayOptions {
  policy?: Partial<EgressPolicy>;
  limits?: Partial<Limits>;
  /** The addresses of names. Others do not exist. */
  names?: Record<string, readonly string[] | (() => readonly string[])>;
  /** The ports of servers that stand for 443 and others. */
  ports?: Record<number, number>;
  /** The values of the credentials of the policy. */
  credentials?: Readonly<Record<string, string>>;
  guards?: FindGuards;
}

/** Opens these ports for names and on loopback. */
export function openPolicy(names: readonly string[], ports: readonly number[]): Partial<EgressPolicy> {
  return {
    rules: names.map((host) => ({ host, ports: [...ports], source: `"${host}"`, mayBePrivate: false })),
    addresses: [{ cidr: '127.0.0.1/32', ports: [...ports], source: '"127.0.0.1"' }],
  };
}

export async function startTestGateway({
  policy,
  limits,
  names = {},
  ports = {},
  credentials,
  guards,
}: TestGatewayOptions): Promise<TestGateway> {
  const dir = await makeTempDir();
  const folder = dir.path;
  await mkdir(join(folder, socketFolder));
  await writePolicy(folder, {
    version: 1,
    jobId: 'job',
    mode: 'enforce',
    rules: [],
    addresses: [],
    remedy: 'Add "HOST" to AllowedHosts.',
    ...policy,
  });
  if (credentials !== undefined) await writeCredentials(folder, new Map(Object.entries(credentials)));
  const lines: string[] = [];
  const lookUp = (name: string) => {
    const found = names[name];
    const addresses = typeof found === 'function' ? found() : found;
    if (addresses === undefined) return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    return Promise.resolve(addresses.map((address) => ({ address })));
  };
  const gateway = await startGateway({
    folder,
    writeLine: (line) => void lines.push(line),
    lookUp,
    mapPort: (port) => ports[port] ?? port,
    ...(limits && { limits }),
    ...(guards && { guards }),
  });
  const path = join(folder, socketFolder, socketFile);
  const open = async () => {
    const socket = connect({ path, allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await gateway[Symbol.asyncDispose]();
    isStopped = true;
    const report = await readReport(join(folder, reportFile));
    if (report === undefined) throw new Error('there is no report');
    return report;
  };
  return {
    folder,
    lines,
    connect: open,
    exchange: async (...parts) => {
      const socket = await open();
      for (const part of parts) {
        // Each in a segment of its own.
        await new Promise((resolve) => socket.write(part, resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
      return await readAll(socket);
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      if (!isStopped) await gateway[Symbol.asyncDispose]();
      isStopped = true;
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** All that comes until the other side closes, also if it does so with an error. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  if (!socket.closed) await Promise.race([once(socket, 'end'), once(socket, 'close')]).catch(() => {});
  socket.destroy();
  return Buffer.concat(chunks).toString('latin1');
}

/** Opens a tunnel. The socket is positioned after the response's header. */
export async function openTunnel(gateway: TestGateway, target: string): Promise<{ status: number; socket: Socket }> {
  const socket = await gateway.connect();
  socket.on('error', () => {});
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  let header = '';
  while (!header.includes('\r\n\r\n')) {
    const byte = socket.read(1) as Buffer | null;
    if (byte !== null) header += byte.toString('latin1');
    else if (socket.readableEnded || socket.destroyed) break;
    else await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
  return { status: Number(header.slice(9, 12)), socket };
}

/** TLS through a tunnel, without checking the certificate. Rejects if it fails. */
export async function openTls(socket: Socket, servername: string | undefined): Promise<TLSSocket> {
  const secure = connectTls({ socket, rejectUnauthorized: false, ...(servername && { servername }) });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  secure.once('secureConnect', () => resolve(secure));
  secure.on('error', reject).once('close', () => reject(new Error('closed')));
  return await promise;
}

/** A request of plain HTTP through the gateway. */
export async function get(
  gateway: TestGateway,
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: Record<string, unknown>;
    body: string;
  }>();
  const socketPath = join(gateway.folder, socketFolder, socketFile);
  const sent = request({
    socketPath,
    method,
    path: url,
    headers: { Host: new URL(url).host, ...headers },
    agent: false,
  });
  sent.on('error', reject).on('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    response.on('error', reject);
  });
  sent.end(body);
  return await promise;
}

export interface RawServer extends AsyncDisposable {
  port: number;
  /** All connections that there have been. */
  count: number;
  received: () => string;
}

/** A server that keeps what it receives. By default it echoes it. */
export async function startRawServer({
  host = '127.0.0.1',
  port = 0,
  tls = false,
  serve = (socket: Socket) => void socket.pipe(socket),
}: {
  host?: string;
  port?: number;
  tls?: boolean;
  serve?: (socket: Socket) => void;
} = {}): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const chunks: Buffer[] = [];
  const onConnection = (socket: Socket) => {
    raw.count += 1;
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
    serve(socket);
  };
  const server: Server = tls
    ? createTlsServer(tlsPair, onConnection)
    : createServer({ allowHalfOpen: true }, onConnection);
  await once(server.listen(port, host), 'listening');
  const raw: RawServer = {
    port: (server.address() as AddressInfo).port,
    count: 0,
    received: () => Buffer.concat(chunks).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  return raw;
}
