/** After a SIGKILL the next run deletes what the last one left on the server, and looks after its jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const config =
  '[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done; exit 5"]\n';

test('a killed runner leaves no queue behind that takes work, and its jobs go on', async () => {
  await using plane = await startControlPlane();
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  const first = await RunnerProcess.start(options);
  await first.ready();
  const taskId = await startTask(plane, 'example/agent');
  await first.logged(/job started/);
  assert.equal(await first.stop('SIGKILL'), 'SIGKILL');

  await using second = await RunnerProcess.start({ ...options, folder: first.folder });
  await second.logged(/adopted job from previous run/);
  await second.logged(/queue deleted/);
  const { tenantId, runnerId } = plane.server.admin;
  await eventually(async () => {
    const { body } = await plane.call('GET', `/v1/runner-queues?tenantID=${tenantId}&runnerID=${runnerId}`);
    return body.Items.length === 1;
  });

  const { turn } = await untilOver(plane, taskId);
  assert.match(turn.ErrorMessage, /exit code 5/);
  assert.equal(await second.jobLog(jobIdOf(taskId)), '1\n2\n3\n4\n5\n6\n', 'no gap, no repeated line');
  const later = await untilOver(plane, await startTask(plane, 'example/agent'));
  assert.match(later.turn.ErrorMessage, /exit code 5/, 'new work does not go to the old queue');
});
