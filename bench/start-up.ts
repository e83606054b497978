/** The start-up time of the commands beyond that of `node -e 0`, measured in alternation. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobStore } from '../src/jobs/store.ts';
import { makeRecord } from '../test/support/job-record.ts';
import { median } from './support/median.ts';

const rounds = 15;
const finishedJobs = 1000;
const plan42 = join(import.meta.dirname, '../bin/plan42');

const folder = mkdtempSync(join(tmpdir(), 'plan42-bench-'));
try {
  await JobStore.open(folder, join(folder, 'logs'));
  for (let i = 0; i < finishedJobs; i += 1) {
    const record = makeRecord({ title: `Task ${i}`, phase: 'ended' });
    writeFileSync(join(folder, 'jobs/finished', `${record.jobId}.json`), JSON.stringify(record));
  }
  compare({
    'node -e 0': [process.execPath, '-e', '0'],
    'plan42 --version': [plan42, '--version'],
    'plan42 runner job list': [plan42, 'runner', 'job', 'list'],
    [`plan42 runner job list -a (${finishedJobs} jobs)`]: [plan42, 'runner', 'job', 'list', '-a'],
    'plan42 runner status': [plan42, 'runner', 'status'],
  });
} finally {
  rmSync(folder, { recursive: true });
}

function compare(commands: Record<string, [string, ...string[]]>): void {
  const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, command] of Object.entries(commands)) times.get(name)?.push(measure(command));
  }
  const [reference, ...others] = [...times];
  const [base, least] = [median(reference?.[1] ?? []), Math.min(...(reference?.[1] ?? []))];
  console.log(`node -e 0: ${base.toFixed(0)} ms (medians of ${rounds}), ${least.toFixed(0)} ms in the quickest round`);
  // On a busy machine the fastest rounds are the most accurate.
  for (const [name, measured] of others) {
    const more = Math.min(...measured) - least;
    console.log(
      `${name}: ${(median(measured) - base).toFixed(0)} ms more, ${more.toFixed(0)} ms by the quickest rounds`,
    );
  }
}

function measure([file, ...args]: [string, ...string[]]): number {
  const env = { PATH: process.env['PATH'], HOME: folder, PLAN42_STATE_DIR: folder };
  const start = performance.now();
  const { status, stderr } = spawnSync(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  const elapsed = performance.now() - start;
  // A command that fails is fast and measures nothing; "not running" is the expected status.
  if (status !== 0 && !stderr.startsWith('ERROR: the runner is not running'))
    throw new Error(`${args.join(' ')}: ${stderr}`);
  return elapsed;
}
