import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { instanceHeader } from '../../plan42/runner-headers.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call, runner } = plane;
const token = await plane.newToken();

const ask = (tasks: readonly string[], waitSeconds = 0, options: object = {}) =>
  call('POST', `${runner}/ended-turns?maxWaitSeconds=${waitSeconds}`, {
    token,
    body: { Turns: tasks.map((TaskId) => ({ TaskId, TurnIndex: 1 })) },
    ...options,
  });

async function cancel(task: string, message = 'cancelled by user'): Promise<void> {
  const { body } = await call('GET', `tasks/${task}/turns/1`);
  const patch = { Status: 'Failed', ErrorMessage: message };
  assert.equal((await call('PATCH', `tasks/${task}/turns/1`, { ifMatch: body.Version, body: patch })).status, 200);
}

test('a runner learns which turns have ended, and who ended them', async () => {
  const [running, ended, deleted] = [await plane.newTask(), await plane.newTask(), await plane.newTask()];
  await cancel(ended);
  const { body: task } = await call('GET', `tasks/${deleted}`);
  assert.equal((await call('DELETE', `tasks/${deleted}`, { ifMatch: task.Version })).status, 204);
  const unknown = randomUUID();
  const { status, body } = await ask([running, ended, deleted, unknown]);
  assert.equal(status, 200);
  assert.deepEqual(body.Items, [
    {
      TaskId: ended,
      TurnIndex: 1,
      Reason: 'Finished',
      Status: 'Failed',
      ErrorMessage: 'cancelled by user',
      EndedBy: 'User',
    },
    { TaskId: deleted, TurnIndex: 1, Reason: 'Deleted' },
    { TaskId: unknown, TurnIndex: 1, Reason: 'Deleted' },
  ]);
});

test('the call waits for the first end, and returns nothing without one', async () => {
  const [first, second, removed] = [await plane.newTask(), await plane.newTask(), await plane.newTask()];
  assert.deepEqual((await ask([first], 1)).body.Items, []);
  const waiting = ask([first, second], 60);
  const others = ask([removed], 60);
  await cancel(second);
  const [item, ...more] = (await waiting).body.Items;
  assert.deepEqual([item.TaskId, more.length], [second, 0]);
  const { body: task } = await call('GET', `tasks/${removed}`);
  await call('DELETE', `tasks/${removed}`, { ifMatch: task.Version });
  assert.equal((await others).body.Items[0].Reason, 'Deleted');
});

test('the call is limited to the runner’s own tenant and to a number of turns', async () => {
  const task = await plane.newTask();
  const agent = { TaskId: task, TurnIndex: 1 };
  const many = { body: { Turns: Array.from({ length: 501 }, () => agent) } };
  assert.equal((await ask([], 0, many)).status, 400);
  assert.equal((await ask([], 121)).status, 400);
  assert.equal((await ask([], 0, { body: { Turns: [{ TaskId: 7 }] } })).status, 400);
  assert.equal((await ask([], 0, { token: null })).status, 401);
  assert.equal((await ask([], 0, { headers: { [instanceHeader]: 'no UUID' } })).status, 200);
});
