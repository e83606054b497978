import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { systemClock } from '../../lib/clock.ts';

test('a turn without heartbeats fails, but not one that waits for a runner', async () => {
  let now = 0;
  const timing = { turnExpiryMs: 150, turnExpiryCheckMs: 10 };
  await using plane = await startControlPlane({ timing, clock: { ...systemClock, now: () => now } });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const [silent, alive] = [await plane.newTask(), await plane.newTask()];
  await eventually(async () => runner.requests.length === 2);
  const { body: queue } = await plane.call('GET', runner.path);
  await plane.call('DELETE', runner.path, { ifMatch: queue.Version });
  const waiting = await plane.newTask();

  const turnOf = async (task: string) => (await plane.call('GET', `tasks/${task}/turns/1`)).body;
  const { AgentToken: token } = runner.requests.find(({ Task }) => Task.TaskId === alive);
  const failed = await eventually(async () => {
    now += 20;
    const { Version } = await turnOf(alive);
    await plane.call('PATCH', `tasks/${alive}/turns/1`, { token, ifMatch: Version, body: {} });
    const turn = await turnOf(silent);
    return turn.Status === 'Failed' && turn;
  });
  assert.equal(failed.ErrorMessage, 'no heartbeat from the agent for 0.15 s');
  assert.equal((await plane.call('GET', `tasks/${silent}`)).body.State, 'Failed');
  assert.notEqual((await turnOf(alive)).Status, 'Failed');
  assert.equal((await turnOf(waiting)).Status, 'Waiting for a runner');
});

const minute = 60_000;
const year = 365 * 24 * 60 * minute;

test('no turn fails because the date jumped or the machine slept', async () => {
  const jump = { date: 0, now: 0 };
  await using plane = await startControlPlane({
    timing: { turnExpiryCheckMs: 10 },
    clock: {
      ...systemClock,
      date: () => new Date(Date.now() + jump.date),
      now: () => performance.now() + jump.now,
    },
  });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const task = await plane.newTask();
  await eventually(async () => runner.requests.length === 1);
  const { AgentToken: token } = runner.requests[0];
  const path = `tasks/${task}/turns/1`;
  for (const [date, now] of [
    [10 * minute, 0],
    [2 * year, 0],
    [2 * year + 60 * minute, 60 * minute],
  ]) {
    const noticed = plane.logged('server stood still');
    Object.assign(jump, { date, now });
    await noticed;
    const { status, body } = await plane.call('GET', path, { token });
    assert.equal(status, 200, 'the token of the agent is valid');
    assert.equal((await plane.call('PATCH', path, { token, ifMatch: body.Version, body: {} })).status, 200);
  }
  Object.assign(jump, { date: -10 * minute });
  assert.equal((await plane.call('GET', path, { token })).body.Status, 'Pending');
});
