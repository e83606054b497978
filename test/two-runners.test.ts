/** Several runners with one token share the work: each brings queues of its own. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startTask, untilOver } from './support/tasks.ts';

const config = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';

test('two runner processes with one token both get work', async () => {
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  await using one = await RunnerProcess.start(options);
  await using two = await RunnerProcess.start(options);
  await Promise.all([one.ready(), two.ready()]);
  const tasks = await Promise.all(Array.from({ length: 8 }, () => startTask(plane, 'example/agent')));
  await Promise.all(tasks.map((task) => untilOver(plane, task)));
  const jobsOf = async (runner: RunnerProcess) =>
    (await readdir(join(runner.folder, 'state/logs'))).filter((name) => name !== 'runner.log').length;
  const shares = [await jobsOf(one), await jobsOf(two)] as const;
  assert.equal(shares[0] + shares[1], 8, 'each job ran once');
  assert.ok(Math.min(...shares) >= 2, `both have work: ${shares.join(' and ')}`);
});

test('a second runner on the same state folder is refused', async () => {
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  await using one = await RunnerProcess.start(options);
  await one.ready();
  await using two = await RunnerProcess.start({ ...options, args: ['--state-dir', join(one.folder, 'state')] });
  assert.equal(await two.ended(), 1);
  assert.match(two.log, /ERROR: another runner is using the state folder .*--state-dir/);
});
