/**
 * The start of the runner until it registers its first queue, beyond that of `node -e 0`, and its memory when idle. Paths of
 * other builds of `plan42-runner` may follow, which take turns with this one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runnerJwt } from '../test/support/runner-jwt.ts';
import { median } from './support/median.ts';

const rounds = Number(process.env['PLAN42_BENCH_ROUNDS'] ?? 20);
const idleMs = 4000;
const node = 'node -e 0';
const runners = [join(import.meta.dirname, '../bin/plan42-runner'), ...process.argv.slice(2)];

interface Start {
  ms: number;
  /** Processor time of all threads. */
  cpuMs: number;
  idleMb: number;
}

const registered: (() => void)[] = [];
const server = createServer((request, response) => {
  const [path = ''] = request.url?.split('?') ?? [];
  request.resume();
  if (path.endsWith('/messages')) return;
  if (request.method === 'PUT') for (const resolve of registered.splice(0)) resolve();
  response.writeHead(201, { 'content-type': 'application/json' }).end('{"Version":1}');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;

const starts = new Map([node, ...runners].map((name) => [name, [] as Start[]]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, list] of starts) list.push(name === node ? await startNode() : await startRunner(name, round < 3));
}
server.closeAllConnections();
server.close();

const times = (name: string) => starts.get(name)?.map(({ ms }) => ms) ?? [];
const base = { median: median(times(node)), least: Math.min(...times(node)) };
console.log(
  `${node}: ${base.median.toFixed(0)} ms (median of ${rounds}), ${base.least.toFixed(0)} ms in the quickest round`,
);
for (const name of runners) {
  const list = starts.get(name) ?? [];
  const idle = median(list.map(({ idleMb }) => idleMb).filter((mb) => mb > 0));
  console.log(
    `${name}: registered ${(median(times(name)) - base.median).toFixed(0)} ms later, ` +
      `${(Math.min(...times(name)) - base.least).toFixed(0)} ms by the quickest rounds (goal 120 ms); ` +
      `processor ${Math.min(...list.map(({ cpuMs }) => cpuMs)).toFixed(0)} ms; idle ${idle.toFixed(0)} MB (goal 70 MB)`,
  );
}

async function startNode(): Promise<Start> {
  const start = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await once(child, 'exit');
  return { ms: performance.now() - start, cpuMs: 0, idleMb: 0 };
}

async function startRunner(runner: string, isIdled: boolean): Promise<Start> {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
  const config = join(folder, 'plan42-runner.toml');
  const settings = `[runner]\nurl = "http://127.0.0.1:${port}"\ntoken = "${runnerJwt()}"\nruntime = "host"\n`;
  await writeFile(config, `${settings}[host]\nunisolated = true\ncommand = ["/bin/cat"]\n`, { mode: 0o600 });
  const { promise, resolve } = Promise.withResolvers<void>();
  registered.push(resolve);
  const start = performance.now();
  const env = { PATH: process.env['PATH'], HOME: folder };
  const child = spawn(runner, ['-c', config, '--state-dir', join(folder, 'state')], {
    env,
    stdio: 'ignore',
  });
  try {
    await Promise.race([promise, failed(child)]);
    const ms = performance.now() - start;
    const cpuMs = await cpuMsOf(child);
    if (isIdled) await sleep(idleMs);
    return { ms, cpuMs, idleMb: isIdled ? await memoryMbOf(child) : 0 };
  } finally {
    child.removeAllListeners('exit');
    if (child.kill('SIGKILL')) await once(child, 'exit');
    await rm(folder, { recursive: true });
  }
}

async function failed(child: ChildProcess): Promise<never> {
  await once(child, 'exit');
  throw new Error('the runner exited');
}

async function cpuMsOf({ pid }: ChildProcess): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(
    threads.map((id) => readFile(`/proc/${pid}/task/${id}/schedstat`, 'utf8').catch(() => '0')),
  );
  return texts.reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e6, 0);
}

async function memoryMbOf({ pid }: ChildProcess): Promise<number> {
  const kb = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}
