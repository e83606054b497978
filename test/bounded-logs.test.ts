/** A job's log stays within its limit and has no gap, whatever runs the job and whatever becomes of the runner. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutBytes } from '../src/shim/log-cut.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { assertLinesTo } from './support/numbered-lines.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { largestSize } from './support/sample-size.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const mib = 2 ** 20;
const maxLogMib = 4;
// 33 MiB.
const last = 4_500_000;

const limits = `[jobs]\nmax_log_mib = ${maxLogMib}\n`;

// The test agent's first line.
const agentSays = 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output\n';

/** Waits for the end of the job and checks its log; how many bytes were cut. */
async function checkLog(
  plane: TestControlPlane,
  runner: RunnerProcess,
  { taskId, leading = '' }: { taskId: string; leading?: string },
): Promise<number> {
  const over = untilOver(plane, taskId);
  const largest = await largestSize(join(runner.folder, 'state/logs', `${jobIdOf(taskId)}.log`), over);
  assert.ok(largest <= maxLogMib * mib, `${largest} bytes`);
  assert.match((await over).turn.ErrorMessage, /exit code 5/);
  return assertLinesTo(last, await runner.jobLog(jobIdOf(taskId)), leading.length);
}

for (const name of ['podman', 'docker'] as const) {
  test(`${name}: the log of a container is never larger than its limit`, async (t) => {
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

test('the log of a job goes on, within its limit, while its runner is killed and started again', async () => {
  const script = `i=1; while [ $i -lt ${last} ]; do seq $i $((i + 99999)); i=$((i + 100000)); sleep 0.05; done; exit 5`;
  const config = `${limits}[host]\nunisolated = true\ncommand = ${JSON.stringify(['/bin/sh', '-c', script])}\n`;
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  const first = await RunnerProcess.start(options);
  await first.ready();
  const taskId = await startTask(plane, 'example/agent');
  const firstLine = async () => (await first.jobLog(jobIdOf(taskId)).catch(() => '')).split('\n', 1)[0] ?? '';
  await eventually(async () => cutBytes(await firstLine()) > 0);
  assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
  const cut = cutBytes(await firstLine());
  await eventually(async () => cutBytes(await firstLine()) > cut);

  await using second = await RunnerProcess.start({ ...options, folder: first.folder });
  await second.logged(/adopted job from previous run/);
  assert.ok((await checkLog(plane, second, { taskId })) > 0);
});
