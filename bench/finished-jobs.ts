/**
 * Measures the cost of 5,000 finished jobs with records and logs: time from start to the first registered queue, and memory
 * before and after a garbage collection, in turns with the same runner without any. Also measures `job prune`.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeRecord } from '../test/support/job-record.ts';
import { MessagePlane } from '../test/support/message-plane.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { median } from './support/median.ts';

const rounds = 9;
const count = 5000;
const config = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';

interface Figures {
  startMs: number[];
  /** CPU time, which other work on the machine does not affect. */
  cpuMs: number[];
  memoryMib: number[];
}

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
try {
  await using plane = await new MessagePlane().listen();
  const [few, many] = [join(folder, 'few'), join(folder, 'many')];
  await fill(few, 0);
  await fill(many, count);
  const [without, withMany]: [Figures, Figures] = [
    { startMs: [], cpuMs: [], memoryMib: [] },
    { startMs: [], cpuMs: [], memoryMib: [] },
  ];
  for (let round = 0; round < rounds; round += 1) {
    await measure(plane, few, without);
    await measure(plane, many, withMany);
  }
  const more = (key: keyof Figures, unit: string) =>
    `${median(withMany[key]).toFixed(0)} ${unit} with ${count} finished jobs, ${median(without[key]).toFixed(0)} ${unit} with none`;
  console.log(`start to registered queue: ${more('startMs', 'ms')} (medians of ${rounds})`);
  console.log(`processor time until then: ${more('cpuMs', 'ms')}`);
  console.log(`memory when ready: ${more('memoryMib', 'MiB')}`);
  console.log(
    `memory after garbage was looked for: ${await memoryLater(plane, many)} MiB, ${await memoryLater(plane, few)} MiB with none`,
  );
  console.log(`job prune --dry-run: ${prune(many)} ms with ${count}, ${prune(few)} ms with none`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function fill(runner: string, jobs: number): Promise<void> {
  const state = join(runner, 'state');
  for (const name of ['logs', 'jobs/finished']) await mkdir(join(state, name), { recursive: true, mode: 0o700 });
  for (let i = 0; i < jobs; i += 1) {
    const record = makeRecord({
      phase: 'ended',
      endedAt: new Date().toISOString(),
      exitCode: 0,
      failure: 'x'.repeat(200),
    });
    await writeFile(join(state, 'jobs/finished', `${record.jobId}.json`), JSON.stringify(record, undefined, 2));
    await writeFile(join(state, 'logs', `${record.jobId}.log`), 'line\n'.repeat(100));
  }
}

async function start(plane: MessagePlane, runner: string): Promise<RunnerProcess> {
  const { url, token } = plane;
  return RunnerProcess.start({ url, token, runtime: 'host', config, folder: runner });
}

async function measure(plane: MessagePlane, runner: string, figures: Figures): Promise<void> {
  const startedAt = performance.now();
  const process = await start(plane, runner);
  await process.logged(/queue registered/);
  figures.startMs.push(performance.now() - startedAt);
  figures.cpuMs.push(await cpuTimeOf(process));
  figures.memoryMib.push(await memoryOf(process));
  await process.stop('SIGKILL');
}

async function memoryLater(plane: MessagePlane, runner: string): Promise<string> {
  const process = await start(plane, runner);
  await process.ready();
  await sleep(8000);
  const mib = await memoryOf(process);
  await process.stop('SIGKILL');
  return mib.toFixed(0);
}

async function cpuTimeOf({ pid }: RunnerProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user = '', system = ''] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  // In hundredths of a second.
  return (Number(user) + Number(system)) * 10;
}

async function memoryOf({ pid }: RunnerProcess): Promise<number> {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

function prune(runner: string): string {
  const args = ['runner', 'job', 'prune', '--dry-run', '-c', join(runner, 'plan42-runner.toml')];
  const startedAt = performance.now();
  spawnSync(join(import.meta.dirname, '../bin/plan42'), [...args, '--state-dir', join(runner, 'state')]);
  return (performance.now() - startedAt).toFixed(0);
}
