import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { systemClock } from '../../lib/clock.ts';

test('a turn without heartbeats fails, but not one that waits for a runner', async () => {
  let now = Date.now();
  const timing = { turnExpiryMs: 150, turnExpiryCheckMs: 10 };
  await using plane = await startControlPlane({ timing, clock: { ...systemClock, date: () => new Date(now) } });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const [silent, alive] = [await plane.newTask(), await plane.newTask()];
  await eventually(async () => runner.requests.length === 2);
  const { body: queue } = await plane.call('GET', runner.path);
  await plane.call('DELETE', runner.path, { ifMatch: queue.Version });
  const waiting = await plane.newTask();

  const turnOf = async (task: string) => (await plane.call('GET', `tasks/${task}/turns/1`)).body;
  const { AgentToken: token } = runner.requests.find(({ Task }) => Task.TaskId === alive);
  now += 100;
  const { Version } = await turnOf(alive);
  await plane.call('PATCH', `tasks/${alive}/turns/1`, { token, ifMatch: Version, body: {} });
  now += 100;
  const failed = await eventually(async () => {
    const turn = await turnOf(silent);
    return turn.Status === 'Failed' && turn;
  });
  assert.equal(failed.ErrorMessage, 'no heartbeat from the agent for 0.15 s');
  assert.equal((await plane.call('GET', `tasks/${silent}`)).body.State, 'Failed');
  assert.notEqual((await turnOf(alive)).Status, 'Failed');
  assert.equal((await turnOf(waiting)).Status, 'Waiting for a runner');
});
