/**
 * An agent that writes 1 GiB as fast as it can: how long that takes it in a job, whose log is kept within its limit, beside
 * the same container (or command) started by hand with its output going to a plain file, in turns: once with the priority
 * that jobs get, which leaves the cost of the log, and once as it comes. And in one more run what becomes meanwhile of pings,
 * of the runner's memory and of the log's size.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../src/lib/run-command.ts';
import { readLogTail, removeLog, statLog } from '../src/shim/job-log.ts';
import { startControlPlane, type TestControlPlane } from '../test/support/control-plane.ts';
import { type Engines, startEngines } from '../test/support/engines.ts';
import { PingLoad } from '../test/support/ping-load.ts';
import { residentMib } from '../test/support/process-usage.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from '../test/support/tasks.ts';
import { median } from './support/median.ts';

interface Setting {
  name: 'host' | 'podman' | 'docker';
  agent: Agent;
  commands: string;
  image: string;
  env: NodeJS.ProcessEnv;
  plane: TestControlPlane;
  runner: RunnerProcess;
}

const mib = 2 ** 20;
const rounds = 10;
const maxLogMib = 200;
const pingIntervalMs = 20;
const sampleMs = 10;
const lookMs = 200;
const maxJobMs = 300_000;

/** Agents, by how they come by 1 GiB. */
const agents = {
  'copied from memory': 'i=0; while [ $i -lt 64 ]; do cat $lines; i=$((i + 1)); done',
  'counted (seq)': 'seq 1 118300000',
};

type Agent = keyof typeof agents;

// The agent itself says how long it took, once what there is to do at the start of a job is over: that is another matter.
const commandsOf = (agent: Agent) =>
  [
    `lines=$(mktemp); yes 'a line of what an agent could have written to its log' | head -c ${16 * mib} >$lines`,
    'sleep 1',
    'read began rest </proc/uptime',
    agents[agent],
    'read ended rest </proc/uptime; rm $lines',
    'echo; echo from $began to $ended',
  ].join('; ');

// As in src/shim/shim.sh.
const jobPriority = 'renice -n 5 -p $$ >/dev/null 2>&1; { echo 10 >/proc/$$/autogroup; } 2>/dev/null;';

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
try {
  await using engines = await startEngines({ dir: join(folder, 'engines'), signal: AbortSignal.timeout(120_000) });
  for (const name of ['host', 'podman', 'docker'] as const) await measure(name, 'copied from memory', engines);
  await measure('host', 'counted (seq)', engines);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(name: Setting['name'], agent: Agent, engines: Engines): Promise<void> {
  const env = name === 'host' ? {} : engines[name]?.env;
  const image = name === 'host' ? 'example/agent' : engines.images?.agent;
  if (env === undefined || image === undefined) {
    console.log(`${name}: skipped: ${(name !== 'host' && engines.missing[name]) || engines.missing.registry || ''}`);
    return;
  }
  const commands = commandsOf(agent);
  await using plane = await startControlPlane();
  const host = `[host]\nunisolated = true\ncommand = ${JSON.stringify(['/bin/sh', '-c', commands])}\n`;
  const config = `[images]\npull_policy = "if-not-present"\n[jobs]\nmax_log_mib = ${maxLogMib}\n${host}`;
  const token = await plane.newToken();
  await using runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: name, config, env });
  await runner.ready();
  const setting = { name, agent, commands, image, env: { ...process.env, ...env }, plane, runner };
  await compare(setting);
  await watchOne(setting);
}

async function compare(setting: Setting): Promise<void> {
  const inJob = { name: 'in a job', seconds: [] as number[], run: () => secondsInJob(setting) };
  const references = [
    {
      name: 'to a plain file, with a job’s priority',
      seconds: [] as number[],
      run: () => secondsByHand(setting, jobPriority),
    },
    { name: 'to a plain file, with a normal priority', seconds: [] as number[], run: () => secondsByHand(setting, '') },
  ];
  const all = [inJob, ...references];
  // In turns as to who is first too.
  for (let turn = 0; turn < rounds * all.length; turn += 1) {
    const round = Math.floor(turn / all.length);
    const way = all[(turn + round) % all.length];
    // Flushes the writes of the previous measurement.
    await runCommand('sync', [], { env: process.env });
    way?.seconds.push(await way.run());
  }
  for (const { name, seconds } of all) {
    const ratio = name === inJob.name ? '' : `, a job ${(median(inJob.seconds) / median(seconds)).toFixed(2)}×`;
    const each = seconds.map((value) => value.toFixed(1)).join(' ');
    console.log(
      `${setting.name}: 1 GiB, ${setting.agent}, ${name}: ${median(seconds).toFixed(2)} s (median of ${each})${ratio}`,
    );
  }
}

/** One job, with pings, while its log and the runner's memory are looked at again and again. */
async function watchOne({ plane, runner, image, commands }: Setting): Promise<void> {
  await using load = new PingLoad(plane);
  const before = await residentMib(runner.pid);
  const task = await startTask(plane, image, commands);
  const log = logOf(runner, task);
  const over = new AbortController();
  const pings = (async () => {
    while (!over.signal.aborted) await load.pingEvery(pingIntervalMs, 500);
  })();
  let [largest, memory, looks] = [0, before, 0];
  const watching = (async () => {
    for (; !over.signal.aborted; looks += 1) {
      largest = Math.max(largest, (await statLog(log))?.bytes ?? 0);
      memory = Math.max(memory, await residentMib(runner.pid));
      await delay(sampleMs);
    }
  })();
  await untilOver(plane, task, maxJobMs);
  over.abort();
  await Promise.all([watching, pings]);
  console.log(
    `  meanwhile: log at most ${(largest / mib).toFixed(1)} of ${maxLogMib} MiB (${looks} looks), ` +
      `runner ${before.toFixed(0)} MiB before and at most ${memory.toFixed(0)} MiB, ` +
      `${load.latenciesMs.length} pings, p50 ${percentile(load.latenciesMs, 0.5)} ms, p99 ${percentile(load.latenciesMs, 0.99)} ms`,
  );
}

async function secondsInJob({ plane, runner, image, commands }: Setting): Promise<number> {
  const task = await startTask(plane, image, commands);
  const end = performance.now() + maxJobMs;
  // Seldom, and in the log alone: to ask the server again and again would be a burden that only this way has.
  while (Number.isNaN(await saidSeconds(logOf(runner, task)))) {
    if (performance.now() > end) throw new Error(`the job is not over after ${maxJobMs} ms`);
    await delay(lookMs);
  }
  await untilOver(plane, task);
  const seconds = await saidSeconds(logOf(runner, task));
  await removeLog(logOf(runner, task), async () => false);
  return seconds;
}

async function secondsByHand({ name, image, env, commands }: Setting, prepare: string): Promise<number> {
  const logFile = join(folder, 'by-hand.log');
  const requestFile = join(folder, 'request.json');
  await writeFile(requestFile, JSON.stringify({ Prompt: `@@${commands}@@` }));
  {
    await using request = await open(requestFile, 'r');
    await using log = await open(logFile, 'a', 0o600);
    const entrypoint = ['--entrypoint', '/usr/bin/agent-wrapper'];
    const command =
      name === 'host'
        ? ['/bin/sh', '-c', commands]
        : [name, 'run', '--rm', '--interactive', '--pull', 'never', '--log-driver', 'none', ...entrypoint, image];
    const args = ['-c', `${prepare} exec "$@"`, 'sh', ...command];
    await once(spawn('/bin/sh', args, { env, stdio: [request.fd, log.fd, log.fd], detached: true }), 'exit');
  }
  const seconds = await saidSeconds(logFile);
  await rm(logFile);
  return seconds;
}

async function saidSeconds(logFile: string): Promise<number> {
  const [, began, ended] = /from ([\d.]+) to ([\d.]+)$/.exec(await readLogTail(logFile, 100)) ?? [];
  return Number(ended) - Number(began);
}

function logOf(runner: RunnerProcess, task: string): string {
  return join(runner.folder, 'state/logs', `${jobIdOf(task)}.log`);
}

function percentile(values: readonly number[], share: number): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN).toFixed(1);
}
