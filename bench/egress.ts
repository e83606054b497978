/**
 * The gateway of a job beside direct connections, in turns: the time that it adds to a request, throughput, the time to a
 * refusal, and the memory of ten gateways.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EgressPolicy, socketFile, socketFolder, writePolicy } from '../src/gateway/policy.ts';
import { accepts } from './support/accepts.ts';
import { compareOverLink, linkAddress } from './support/egress-link.ts';
import { median } from './support/median.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-gateway.mjs');
const rounds = 300;
const streamBytes = 2 ** 30;
const streams = 5;

const http = createHttpServer((_request, response) => void response.end('pong'));
await once(http.listen(0, '127.0.0.1'), 'listening');
const httpPort = (http.address() as AddressInfo).port;
const block = Buffer.alloc(256 * 1024, 'x');
// Sends a gibibyte as soon as it gets a byte.
const sender = createServer((socket) => {
  socket.on('error', () => {}).once('data', () => void send(socket));
});
await once(sender.listen(0, '127.0.0.1'), 'listening');
const senderPort = (sender.address() as AddressInfo).port;

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
const gateways: ChildProcess[] = [];
try {
  const first = await startGateway('0');
  await compareLatency(first);
  await compareThroughput(first);
  for (let n = 1; n < 10; n += 1) await startGateway(String(n));
  await printMemory();
  if (process.getuid?.() === 0) {
    await overLink('1gbit', 256 * 2 ** 20);
    await overLink('10gbit', 2 ** 30);
  } else console.log('links: not measured, network namespaces need root');
} finally {
  for (const gateway of gateways) {
    gateway.kill('SIGTERM');
    if (gateway.exitCode === null) await once(gateway, 'exit');
  }
  http.close();
  sender.close();
  await rm(folder, { recursive: true, force: true });
}

async function overLink(rate: string, bytes: number): Promise<void> {
  await compareOverLink({
    rate,
    bytes,
    startGateway: async (prefix) => {
      await startGateway(rate, prefix);
      return { folder: join(folder, rate), process: gateways.at(-1) as ChildProcess };
    },
  });
}

async function startGateway(name: string, prefix: readonly string[] = []): Promise<string> {
  const own = join(folder, name);
  await mkdir(join(own, socketFolder), { recursive: true });
  const ports = [httpPort, senderPort];
  const policy: EgressPolicy = {
    version: 1,
    jobId: name,
    mode: 'enforce',
    rules: [{ host: 'localhost', ports, source: 'bench', mayBePrivate: false }],
    addresses: [{ cidr: '127.0.0.1/32', ports, source: 'bench' }, linkAddress],
    remedy: 'Add HOST.',
  };
  await writePolicy(own, policy);
  const [command, ...args] = [...prefix, process.execPath, '--max-old-space-size=64', bundle, own];
  const child = spawn(command, args, { stdio: 'ignore' });
  gateways.push(child);
  const path = join(own, socketFolder, socketFile);
  await accepts(path);
  return path;
}

/** A new connection and one request, by turns. */
async function compareLatency(path: string): Promise<void> {
  const direct = async () =>
    exchange(connect(httpPort, '127.0.0.1'), 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const url = `http://localhost:${httpPort}/`;
  const plain = async () => exchange(connect(path), `GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const tunnelled = async () =>
    exchange(await openTunnel(path, httpPort), 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const refused = async () => exchange(connect(path), 'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  const times: Record<string, number[]> = { direct: [], plain: [], tunnelled: [], refused: [] };
  for (let round = 0; round < rounds + 20; round += 1) {
    for (const [what, call] of Object.entries({ direct, plain, tunnelled, refused })) {
      const start = performance.now();
      const text = await call();
      if (!text.includes(what === 'refused' ? ' 403 ' : 'pong')) throw new Error(`${what}: ${text}`);
      if (round >= 20) times[what]?.push(performance.now() - start);
    }
  }
  const medians = Object.fromEntries(Object.entries(times).map(([what, list]) => [what, median(list)]));
  const { direct: base = 0, plain: viaProxy = 0, tunnelled: viaTunnel = 0, refused: refusal = 0 } = medians;
  console.log(
    `latency: direct ${base.toFixed(2)} ms; added by the gateway: plain HTTP ${(viaProxy - base).toFixed(2)} ms, CONNECT ${(viaTunnel - base).toFixed(2)} ms (medians of ${rounds}; goal 2 ms)`,
  );
  console.log(`refusal: ${refusal.toFixed(2)} ms (median of ${rounds}; goal 5 ms)`);
}

async function compareThroughput(path: string): Promise<void> {
  const direct: number[] = [];
  const tunnelled: number[] = [];
  for (let n = 0; n < streams; n += 1) {
    direct.push(await download(connect(senderPort, '127.0.0.1')));
    tunnelled.push(await download(await openTunnel(path, senderPort)));
  }
  const [a, b] = [median(direct), median(tunnelled)];
  console.log(
    `throughput: direct ${a.toFixed(0)} MiB/s, through the gateway ${b.toFixed(0)} MiB/s: ${(b / a).toFixed(2)}× (medians of ${streams}; goal 0.9×, on loopback, where the processor is the limit)`,
  );
}

async function printMemory(): Promise<void> {
  let [rss, pss] = [0, 0];
  for (const { pid } of gateways) {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    rss += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    pss += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  const mib = (kib: number) => (kib / 1024).toFixed(0);
  console.log(
    `memory of ${gateways.length} gateways: ${mib(rss)} MiB resident, ${mib(pss)} MiB with shared pages counted once`,
  );
}

async function openTunnel(path: string, port: number): Promise<Socket> {
  const socket = connect(path);
  socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const [header] = (await once(socket, 'data')) as [Buffer];
  if (!header.includes(' 200 ')) throw new Error(header.toString());
  return socket;
}

async function exchange(socket: Socket, text: string): Promise<string> {
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk));
  socket.write(text);
  await once(socket, 'end');
  socket.destroy();
  return received;
}

/** MiB a second. */
async function download(socket: Socket): Promise<number> {
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  const start = performance.now();
  socket.write('x');
  await once(socket, 'end');
  socket.destroy();
  if (received !== streamBytes) throw new Error(`${received} bytes`);
  return streamBytes / 2 ** 20 / ((performance.now() - start) / 1000);
}

async function send(socket: Socket): Promise<void> {
  for (let sent = 0; sent < streamBytes; sent += block.length) if (!socket.write(block)) await once(socket, 'drain');
  socket.end();
}
