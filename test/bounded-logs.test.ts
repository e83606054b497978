/** A job's log stays within its limit and has no gap, whatever runs the job and whatever becomes of the runner. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { checkBoundedLog, logLimits, testBoundedLog } from './support/job-suites/bounded-log.ts';
import { seededRandom } from './support/random.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask } from './support/tasks.ts';

const mib = 2 ** 20;
const maxLogMib = 8;
// 81 MiB.
const last = 10_500_000;

// Kills come before this position of the output, so that the job is still running.
const latestKill = 70 * mib;

for (const name of ['podman', 'docker'] as const) testBoundedLog(name);

const seed = Number(process.env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test('the log of a host job has no gap if its runner is killed at random moments', async (t) => {
  t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
  const random = seededRandom(seed);
  // Positions in the output, because moments by the clock would differ from machine to machine.
  const moments = Array.from({ length: 5 }, () => random() * latestKill).toSorted((a, b) => a - b);
  const script = `i=1; while [ $i -lt ${last} ]; do seq $i $((i + 99999)); i=$((i + 100000)); sleep 0.05; done; exit 5`;
  const config = `${logLimits(maxLogMib)}[host]\nunisolated = true\ncommand = ${JSON.stringify(['/bin/sh', '-c', script])}\n`;
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  await using first = await RunnerProcess.start(options);
  await first.ready();
  const taskId = await startTask(plane, 'example/agent');
  // Outside of the kills, as the end of a runner removes the folder with the log, which is still being read when they are over.
  await using runners = new AsyncDisposableStack();
  const kill = async () => {
    let runner = first;
    for (const moment of moments) {
      await eventually(async () => (await newestOffset(first, taskId)) >= moment);
      assert.equal(await runner.stop('SIGKILL'), 'SIGKILL');
      runner = runners.use(await RunnerProcess.start({ ...options, folder: first.folder }));
    }
    await runner.ready();
  };
  const [dropped] = await Promise.all([checkBoundedLog(plane, first, { taskId, maxLogMib, last }), kill()]);
  assert.ok(dropped > 0);
});

/** How many bytes of the job's output come before the segment below the newest. */
async function newestOffset(runner: RunnerProcess, taskId: string): Promise<number> {
  const folder = join(runner.folder, 'state/logs', `${jobIdOf(taskId)}.log.older`);
  const names = await readdir(folder).catch(() => []);
  return Math.max(0, ...names.map(Number));
}
