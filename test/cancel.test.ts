/** A turn that ends on the server ends its job and frees the slot. `main-path.test.ts` does it with containers. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { runCli } from './support/run-cli.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { getTurn, jobIdOf, startTask } from './support/tasks.ts';

// Ignores SIGTERM, so that SIGKILL has to follow.
const stubborn = `trap "" TERM; echo begun; while :; do sleep 0.1; done`;
const limits = '[jobs]\nmax_jobs = 1\nstop_timeout = "500ms"\n';
const host = `${limits}[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", ${JSON.stringify(stubborn)}]\n`;

async function cancel(plane: TestControlPlane, task: string): Promise<void> {
  await eventually(async () => {
    const { Version } = await getTurn(plane, task);
    const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
    return (await plane.call('PATCH', `tasks/${task}/turns/1`, { ifMatch: Version, body })).status === 200;
  });
}

async function begun(runner: RunnerProcess, task: string): Promise<void> {
  await eventually(async () => (await runner.jobLog(jobIdOf(task)).catch(() => '')).includes('begun'));
}

async function finishedRecord(runner: RunnerProcess, task: string) {
  const path = join(runner.folder, 'state/jobs/finished', `${jobIdOf(task)}.json`);
  return eventually(async () => JSON.parse(await readFile(path, 'utf8').catch(() => 'false')));
}

test('a cancelled turn ends its agent, its waiting successor runs, and every view has the reason', async () => {
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config: host } as const;
  await using runner = await RunnerProcess.start(options);
  await runner.ready();
  const [first, second] = [await startTask(plane, 'a/b'), await startTask(plane, 'a/b')];
  await begun(runner, first);
  await cancel(plane, first);
  await begun(runner, second);
  const record = await finishedRecord(runner, first);
  assert.equal(record.endCode, 'turn-ended');
  assert.equal(record.exitCode, 137, 'SIGKILL followed SIGTERM');
  assert.equal((await getTurn(plane, first)).ErrorMessage, 'cancelled by user');

  const place = ['--state-dir', join(runner.folder, 'state')];
  const listed = JSON.parse((await runCli(['runner', 'job', 'list', '-a', '--json', ...place])).stdout);
  const job = listed.find(({ taskId }: { taskId: string }) => taskId === first);
  assert.equal(job.endReason, 'the turn has ended on the server (Failed): cancelled by user');
  const status = JSON.parse((await runCli(['runner', 'status', '--json', ...place])).stdout);
  assert.equal(status.runner.lastEnd.code, 'turn-ended');

  // The runner is killed, and the turn ends before it is back.
  await runner.stop('SIGKILL');
  const { body: task } = await plane.call('GET', `tasks/${second}`);
  await plane.call('DELETE', `tasks/${second}`, { ifMatch: task.Version });
  await using next = await RunnerProcess.start({ ...options, folder: runner.folder });
  assert.equal((await finishedRecord(next, second)).endCode, 'turn-deleted');
});
