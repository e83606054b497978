import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../../test/support/control-plane.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { FakeMachine } from '../../../../test/support/fake-machine.ts';
import { makeRunnerHome } from '../../../../test/support/runner-home.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const home = await makeRunnerHome();
after(() => home[Symbol.asyncDispose]());
const token = await plane.newToken();
const machine = await FakeMachine.start({ url: plane.server.url, token, name: 'm2', slots: 5 });
after(() => machine[Symbol.asyncDispose]());
const file = await home.configuration(`[runner]\nurl = "${plane.server.url}"\ntoken = "${token}"\n`);

const job = (...argv: string[]) => home.runner(['job', ...argv, '-c', file]);

/** A task whose only turn runs on the other machine. */
async function taskOnOtherMachine(): Promise<string> {
  const task = await plane.newTask();
  await eventually(async () => (await plane.call('GET', `tasks/${task}`)).body.State === 'Executing');
  return task;
}

test('a job of another machine is named with that machine', async () => {
  const task = await taskOnOtherMachine();
  for (const id of [task, `plan42-${task}-1`, `${task}-1`.toUpperCase()]) {
    const run = await job('kill', id);
    assert.deepEqual([run.exitCode, run.stdout], [1, '']);
    assert.equal(
      run.stderr,
      `ERROR: job plan42-${task}-1 is on m2, not on this machine. Run "plan42 runner job kill plan42-${task}-1" on m2, or cancel its turn from here: "plan42 server task cancel ${task}".\n`,
    );
  }
  const logs = await job('logs', task);
  assert.match(logs.stderr, /is on m2, not on this machine\. Run "plan42 runner job logs plan42-\S+" on m2\.\n$/);
});

test('an earlier turn on this machine does not hide the one on the other', async () => {
  const task = await taskOnOtherMachine();
  await home.addFinished({ taskId: task, turnIndex: 1 });
  const end = async (turn: number) => {
    const { body } = await plane.call('GET', `tasks/${task}/turns/${turn}`);
    await plane.call('PATCH', `tasks/${task}/turns/${turn}`, { ifMatch: body.Version, body: { Status: 'Completed' } });
  };
  await end(1);
  assert.equal((await plane.call('PUT', `tasks/${task}/turns/2`, { body: { Prompt: 'more' } })).status, 201);
  await eventually(async () => (await plane.call('GET', `tasks/${task}`)).body.State === 'Executing');
  assert.match((await job('kill', task)).stderr, /^ERROR: job plan42-\S+-2 is on m2, not on this machine\. Run/);
  assert.match((await job('kill', `${task}-1`)).stdout, /has already finished/);
  await end(2);
  assert.match((await job('kill', task)).stdout, /-1 has already finished/);
  assert.match((await job('kill', `${task}-2`)).stderr, /^ERROR: job plan42-\S+-2 has already finished on m2\.\n/);
});

test('without an answer of the server, the job is missing on this machine', async () => {
  const unknown = randomUUID();
  for (const run of [await job('kill', unknown), await home.runner(['job', 'kill', unknown])])
    assert.match(run.stderr, new RegExp(`^ERROR: no job ${unknown} on this machine\\. List the jobs`));
});
