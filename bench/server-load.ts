/**
 * The embedded server under the load of a company: 10,000 stored tasks, 500 queues that poll, 2,000 open log streams and 200 log
 * uploads a second, while the lists of the web page are timed. Then uploads as fast as the server takes them, in turns with a plain
 * loop of node:http and node:sqlite, which is the limit. Numbers may be changed: PLAN42_LOAD_SECONDS, PLAN42_LOAD_TASKS,
 * PLAN42_LOAD_QUEUES, PLAN42_LOAD_STREAMS, PLAN42_LOAD_UPLOADS, PLAN42_LOAD_ROUNDS. Linux only.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { callServer } from '../test/support/control-plane.ts';
import { residentMib } from '../test/support/process-usage.ts';
import { ServerProcess } from '../test/support/server-process.ts';
import { median } from './support/median.ts';
import { type Target, uploadFlatOut } from './support/server-load/agents.ts';
import { type Filled, fill, type RunningTurn } from './support/server-load/fill.ts';
import type { LoadOptions, LoadReport } from './support/server-load/load.ts';

const numberOf = (name: string, usual: number) => Number(process.env[`PLAN42_LOAD_${name}`] ?? usual);
const seconds = numberOf('SECONDS', 60);
const tasks = numberOf('TASKS', 10_000);
const queues = numberOf('QUEUES', 500);
const streams = numberOf('STREAMS', 2000);
const uploadsPerSecond = numberOf('UPLOADS', 200);
const running = 400;
const rounds = numberOf('ROUNDS', 7);
const flatOutMs = 3000;
const flatOutTurns = 64;
const maxListMs = 100;

const percentile = (values: readonly number[], part: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
const figures = (values: readonly number[]) =>
  `median ${median(values).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms, longest ${Math.max(...values).toFixed(1)} ms`;

/** In ms, of all threads. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user = '', system = ''] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  // In hundredths of a second.
  return (Number(user) + Number(system)) * 10;
}

/** In ms, of the main thread. */
async function mainThreadMs(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6;
}

/** The lists that the web page reads, by name. */
function listsOf({ admin, finishedTask }: Filled): Record<string, string> {
  const tenant = `/v1/tenants/${admin.tenantId}`;
  const today = new Date().toISOString();
  return {
    overview: `/page/overview?since=0&today=${today}`,
    tasks: '/page/tasks?maxResults=50',
    'tasks by state': '/page/tasks?maxResults=50&state=Failed',
    'search in tasks': '/page/tasks?maxResults=50&search=number+77',
    'search without result': '/page/tasks?maxResults=50&search=nothing+like+this',
    task: `/page/tasks/${finishedTask}`,
    'search in a log': `/page/tasks/${finishedTask}/turns/2/log?search=reads`,
    environments: `${tenant}/environments?maxResults=500`,
    connections: `${tenant}/github-connections?maxResults=500`,
    runners: `${tenant}/runners?maxResults=500`,
    'runner tokens': `${tenant}/runners/${admin.runnerId}/tokens?maxResults=100`,
    'access keys': `${tenant}/access-keys?maxResults=100`,
    'active turns': `/v1/turns?partition=0&maxUpdatedAt=${today}&maxResults=100`,
    queues: `/v1/runner-queues?tenantID=${admin.tenantId}&runnerID=${admin.runnerId}&maxResults=500`,
  };
}

interface ListTimes {
  ms: number[];
  /** The processor time of the server's main thread, which has other work under load. */
  cpuMs: number[];
}
type Times = Map<string, ListTimes>;

/** Reads all lists again and again, as pages that are open do, and returns how long each took. */
async function timeLists(
  pid: number,
  target: Target,
  token: string,
  lists: Record<string, string>,
  forMs: number,
): Promise<Times> {
  const times: Times = new Map(Object.keys(lists).map((name) => [name, { ms: [], cpuMs: [] }]));
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    for (const [name, path] of Object.entries(lists)) {
      const cpuBefore = await mainThreadMs(pid);
      const startedAt = performance.now();
      const { statusCode, body } = await target.transport.request({
        origin: target.url,
        path,
        method: 'GET',
        headers: { authorization: `APIToken ${token}` },
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
      times.get(name)?.ms.push(performance.now() - startedAt);
      times.get(name)?.cpuMs.push((await mainThreadMs(pid)) - cpuBefore);
      await sleep(20);
    }
  }
  return times;
}

function printLists(times: Times, withCpu: boolean): void {
  for (const [name, { ms, cpuMs: cpu }] of times) {
    const own = withCpu ? `; processor time ${median(cpu).toFixed(1)} ms` : '';
    console.log(`  ${name.padEnd(22)} ${figures(ms)}${own}`);
  }
}

/** Samples the server's memory every second. */
function watchMemory(pid: number) {
  const mib: number[] = [];
  const timer = setInterval(() => void residentMib(pid).then((value) => mib.push(value)), 1000);
  return { mib, [Symbol.dispose]: () => clearInterval(timer) };
}

async function startPlainServer(folder: string): Promise<{ url: string; child: ChildProcess } & Disposable> {
  const args = [join(import.meta.dirname, 'support/server-load/plain-server.ts'), join(folder, 'plain.db')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: line.toString().trim(), child, [Symbol.dispose]: () => child.kill('SIGKILL') };
}

interface FlatOut {
  perSecond: number[];
  cpuMs: number[];
  ms: number[];
}

async function measureFlatOut(
  target: Target,
  pid: number,
  turns: readonly RunningTurn[],
  result: FlatOut,
): Promise<void> {
  const before = await cpuMs(pid);
  const startedAt = performance.now();
  const uploads = await uploadFlatOut(target, turns.slice(0, flatOutTurns), flatOutMs);
  const count = uploads.ms.length;
  result.perSecond.push(count / ((performance.now() - startedAt) / 1000));
  result.cpuMs.push(((await cpuMs(pid)) - before) / count);
  for (const ms of uploads.ms) result.ms.push(ms);
}

async function loadServer(server: ServerProcess, options: LoadOptions, target: Target, filled: Filled) {
  const lists = listsOf(filled);
  const { tenantToken } = filled.admin;
  console.log(`memory before the load: ${(await residentMib(server.pid)).toFixed(0)} MiB`);
  console.log('lists without load:');
  printLists(await timeLists(server.pid, target, tenantToken, lists, 5000), true);

  const load = fork(join(import.meta.dirname, 'support/server-load/load.ts'));
  /** The next message of the load, after a message to it. */
  const ask = async (message?: unknown): Promise<unknown> => {
    const answer = once(load, 'message');
    if (message !== undefined) load.send(message as object);
    return ((await answer) as unknown[])[0];
  };
  await ask();
  await ask(options);
  console.log(
    `memory with ${queues} polling queues and ${streams} streams: ${(await residentMib(server.pid)).toFixed(0)} MiB`,
  );
  using memory = watchMemory(server.pid);
  await ask('upload');
  const [cpuBefore, startedAt] = [await cpuMs(server.pid), performance.now()];
  const times = await timeLists(server.pid, target, tenantToken, lists, seconds * 1000);
  const cpu = ((await cpuMs(server.pid)) - cpuBefore) / (performance.now() - startedAt);
  const report = (await ask('stop')) as LoadReport;
  const { uploads } = report;
  const perSecond = uploads.ms.length / seconds;
  console.log(
    `with ${perSecond.toFixed(0)} uploads a second (${(uploads.entries / seconds).toFixed(0)} entries) for ${seconds} s:`,
  );
  printLists(times, false);
  console.log(`  ${'upload'.padEnd(22)} ${figures(uploads.ms)}; ${uploads.late} could not begin in time`);
  console.log(`  ${'delivery to a stream'.padEnd(22)} ${figures(report.deliveryMs)}`);
  const each = (1000 * cpu) / perSecond;
  console.log(
    `  processor time: ${(100 * cpu).toFixed(0)} % of a core, ${each.toFixed(1)} ms for each upload, with all else`,
  );
  const { mib } = memory;
  const tenth = Math.ceil(mib.length / 10);
  const of = (values: number[]) => median(values).toFixed(0);
  console.log(
    `  memory: first tenth ${of(mib.slice(0, tenth))}, last tenth ${of(mib.slice(-tenth))}, most ${Math.max(...mib).toFixed(0)} MiB`,
  );
  console.log(`  streams that missed or repeated an entry: ${report.incomplete}`);
  load.send('close');
  await once(load, 'exit');
  return { report, times, perSecond };
}

async function compare(
  server: ServerProcess,
  turns: readonly RunningTurn[],
  target: Target,
  folder: string,
): Promise<void> {
  using plain = await startPlainServer(folder);
  const [ours, limit]: [FlatOut, FlatOut] = [
    { perSecond: [], cpuMs: [], ms: [] },
    { perSecond: [], cpuMs: [], ms: [] },
  ];
  const plainTurns = turns.map((turn) => ({ ...turn }));
  const plainTarget = { ...target, url: plain.url };
  // The first round warms both up.
  for (let round = 0; round <= rounds; round += 1) {
    await measureFlatOut(target, server.pid, turns, ours);
    await measureFlatOut(plainTarget, plain.child.pid ?? 0, plainTurns, limit);
    if (round === 0) for (const values of [ours, limit]) Object.assign(values, { perSecond: [], cpuMs: [], ms: [] });
  }
  const ratio = (key: 'perSecond' | 'cpuMs') =>
    median(ours[key].map((value, i) => value / (limit[key][i] ?? Number.NaN)));
  console.log(`uploads of ${flatOutTurns} agents as fast as they can, ${rounds} rounds in turns with the plain loop:`);
  console.log(
    `  uploads a second: ${median(ours.perSecond).toFixed(0)}, the plain loop ${median(limit.perSecond).toFixed(0)}; ratio ${ratio('perSecond').toFixed(2)}`,
  );
  console.log(
    `  processor time of one: ${median(ours.cpuMs).toFixed(2)} ms, the plain loop ${median(limit.cpuMs).toFixed(2)} ms; ratio ${ratio('cpuMs').toFixed(2)}`,
  );
  console.log(`  response: ${figures(ours.ms)}; the plain loop: ${figures(limit.ms)}`);
}

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
const transport = new Agent();
try {
  const dataDir = join(folder, 'data');
  const filled = await fill({ dataDir, tasks, running });
  const { tenantId, runnerId, tenantToken } = filled.admin;
  await using server = await ServerProcess.start(dataDir, 0, ['--log-level', 'info']);
  const { url } = server;
  const tokenPath = `/v1/tenants/${tenantId}/runners/${runnerId}/tokens/${randomUUID()}`;
  const { Token } = (await callServer(url, 'PUT', tokenPath, { token: tenantToken, body: {} })).body;
  const load = {
    url,
    tenantId,
    tenantToken,
    runnerToken: String(Token),
    turns: filled.running,
    queues,
    streams,
    uploadsPerSecond,
  };
  const target = { url, tenantId, transport };
  console.log(
    `${tasks} tasks, ${queues} queues, ${streams} streams of ${running} turns; load average ${loadavg()[0]?.toFixed(1)}`,
  );
  const { report, times, perSecond } = await loadServer(server, load, target, filled);
  await compare(server, report.turns, target, folder);
  console.log(
    `memory at the end: ${(await residentMib(server.pid)).toFixed(0)} MiB; load average ${loadavg()[0]?.toFixed(1)}`,
  );
  assert.equal(report.incomplete, 0, 'every stream gets every entry once');
  assert.ok(perSecond > 0.95 * uploadsPerSecond, 'the server takes the uploads at their rate');
  for (const [name, { ms }] of times) assert.ok(median(ms) <= maxListMs, `${name} within ${maxListMs} ms`);
} finally {
  await transport.destroy();
  await rm(folder, { recursive: true, force: true });
}
