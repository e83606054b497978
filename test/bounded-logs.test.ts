/** A job's log stays within its limit and has no gap, whatever runs the job and whatever becomes of the runner. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { sampleLog } from './support/job-log.ts';
import { assertLinesTo } from './support/numbered-lines.ts';
import { seededRandom } from './support/random.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const mib = 2 ** 20;
const maxLogMib = 8;
// 81 MiB.
const last = 10_500_000;

// Kills come before this position of the output, so that the job is still running.
const latestKill = 70 * mib;

// Ten times what 81 MiB and five restarts take on a machine that is not busy.
const maxJobMs = 4 * 60_000;

const limits = `[jobs]\nmax_log_mib = ${maxLogMib}\n`;

// The test agent's first line.
const agentSays = 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output\n';

/** Waits until the job has finished and checks its log; how many bytes were dropped. */
async function checkLog(
  plane: TestControlPlane,
  runner: RunnerProcess,
  { taskId, leading = '' }: { taskId: string; leading?: string },
): Promise<number> {
  const over = untilOver(plane, taskId, maxJobMs);
  const logFile = join(runner.folder, 'state/logs', `${jobIdOf(taskId)}.log`);
  const { largest, smallestFull } = await sampleLog(logFile, over, maxLogMib * mib);
  assert.ok(largest <= maxLogMib * mib, `${largest} bytes`);
  assert.ok(smallestFull >= 0.85 * maxLogMib * mib, `${smallestFull} bytes`);
  assert.match((await over).turn.ErrorMessage, /exit code 5/);
  return assertLinesTo(last, await runner.jobLog(jobIdOf(taskId)), leading.length);
}

for (const name of ['podman', 'docker'] as const) {
  test(`${name}: the log of a container keeps 85 % of its limit and never exceeds it`, async (t) => {
    const engines = await requires(t, name, 'registry');
    if (!engines) return;
    await using plane = await startControlPlane();
    const options = { url: plane.server.url, token: await plane.newToken(), runtime: name, config: limits };
    await using runner = await RunnerProcess.start({ ...options, env: engines[name].env });
    await runner.ready();
    const taskId = await startTask(plane, engines.images.agent, `seq 1 ${last}; exit 5`);
    assert.ok((await checkLog(plane, runner, { taskId, leading: agentSays })) > 0);
  });
}

const seed = Number(process.env['PLAN42_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test('the log of a host job has no gap if its runner is killed at random moments', async (t) => {
  t.diagnostic(`PLAN42_KILL_SEED=${seed}`);
  const random = seededRandom(seed);
  // Positions in the output, because moments by the clock would differ from machine to machine.
  const moments = Array.from({ length: 5 }, () => random() * latestKill).toSorted((a, b) => a - b);
  const script = `i=1; while [ $i -lt ${last} ]; do seq $i $((i + 99999)); i=$((i + 100000)); sleep 0.05; done; exit 5`;
  const config = `${limits}[host]\nunisolated = true\ncommand = ${JSON.stringify(['/bin/sh', '-c', script])}\n`;
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  await using first = await RunnerProcess.start(options);
  await first.ready();
  const taskId = await startTask(plane, 'example/agent');
  const kill = async () => {
    await using runners = new AsyncDisposableStack();
    let runner = first;
    for (const moment of moments) {
      await eventually(async () => (await newestOffset(first, taskId)) >= moment);
      assert.equal(await runner.stop('SIGKILL'), 'SIGKILL');
      runner = runners.use(await RunnerProcess.start({ ...options, folder: first.folder }));
    }
    await runner.ready();
    await untilOver(plane, taskId, maxJobMs);
  };
  const [dropped] = await Promise.all([checkLog(plane, first, { taskId }), kill()]);
  assert.ok(dropped > 0);
});

/** How many bytes of the job's output come before the segment below the newest. */
async function newestOffset(runner: RunnerProcess, taskId: string): Promise<number> {
  const folder = join(runner.folder, 'state/logs', `${jobIdOf(taskId)}.log.older`);
  const names = await readdir(folder).catch(() => []);
  return Math.max(0, ...names.map(Number));
}
