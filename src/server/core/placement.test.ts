import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { FakeMachine, type FakeMachineOptions } from '../../../test/support/fake-machine.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { TestClock } from '../../../test/support/test-clock.ts';
import { systemClock } from '../../lib/clock.ts';
import { machineGoneMs } from './queues/machines.ts';

const timing = { runnerResponseTimeoutMs: 60_000, invocationRetry: { minMs: 1, maxMs: 2 }, turnScanMs: 10 };

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  machine: (name: string, slots: number, options?: Partial<FakeMachineOptions>) => Promise<FakeMachine>;
  newTask: () => Promise<string>;
}

async function setUp(options: Parameters<typeof startControlPlane>[0] = {}): Promise<Setting> {
  await using undo = new AsyncDisposableStack();
  const plane = undo.use(await startControlPlane({ timing, ...options }));
  const token = await plane.newToken();
  const EnvironmentId = await plane.newEnvironment();
  const owned = undo.move();
  return {
    plane,
    machine: async (name, slots, others = {}) =>
      owned.use(await FakeMachine.start({ url: plane.server.url, token, name, slots, ...others })),
    newTask: () => plane.newTask({ EnvironmentId }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const stateOf = async ({ plane }: Setting, task: string) => (await plane.call('GET', `tasks/${task}`)).body.State;
const turnOf = async ({ plane }: Setting, task: string) => (await plane.call('GET', `tasks/${task}/turns/1`)).body;

test('turns wait until a slot is free, start in order, and show their machine', async () => {
  await using setting = await setUp();
  const tasks: string[] = [];
  for (let i = 0; i < 5; i += 1) tasks.push(await setting.newTask());
  const machine = await setting.machine('m1', 2);
  for (let i = 2; i <= 5; i += 1) {
    await eventually(async () => machine.tasks.length === i);
    assert.deepEqual(machine.tasks, tasks.slice(0, i));
    const next: string | undefined = tasks[i];
    if (next === undefined) break;
    await eventually(async () => (await turnOf(setting, next)).Status === 'Pending');
    assert.equal(await stateOf(setting, next), 'Pending');
    await machine.finish();
  }
  const [first = ''] = tasks;
  await eventually(async () => (await stateOf(setting, first)) === 'Executing');
  const { Machine, InstanceId, Image } = await turnOf(setting, first);
  assert.deepEqual([Machine, InstanceId, Image], ['m1', machine.instanceId, 'agent']);
  assert.equal((await setting.plane.call('GET', `tasks/${first}`)).body.LastTurnMachine, 'm1');
});

test('the emptiest machine gets the turn', async () => {
  await using setting = await setUp();
  const small = await setting.machine('small', 2);
  const large = await setting.machine('large', 5);
  await Promise.all([small.report(), large.report()]);
  for (let i = 1; i <= 7; i += 1) {
    await setting.newTask();
    await eventually(async () => small.tasks.length + large.tasks.length === i);
    if (i === 3) assert.deepEqual([small.tasks.length, large.tasks.length], [0, 3]);
  }
  assert.deepEqual([small.tasks.length, large.tasks.length], [2, 5]);
});

test('a second machine gets the turns that wait for the first', async () => {
  await using setting = await setUp();
  const one = await setting.machine('one', 1);
  for (let i = 0; i < 3; i += 1) await setting.newTask();
  await eventually(async () => one.tasks.length === 1);
  const two = await setting.machine('two', 2);
  await eventually(async () => two.tasks.length === 2);
  assert.equal(one.tasks.length, 1);
});

test('a runner without reports gets its turns as before, also beside one that reports', async () => {
  await using setting = await setUp();
  const { plane } = setting;
  await using old = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  for (let i = 1; i <= 3; i += 1) {
    await setting.newTask();
    await eventually(async () => old.requests.length === i);
  }
  const machine = await setting.machine('m1', 1);
  await machine.report();
  for (let i = 1; i <= 3; i += 1) await setting.newTask();
  await eventually(async () => old.requests.length + machine.tasks.length === 6);
  assert.equal(machine.tasks.length, 1);
});

test('a machine with low disk space gets no turn, and the turn says so', async () => {
  await using setting = await setUp();
  const machine = await setting.machine('m1', 3);
  machine.reason = 'low-disk';
  await machine.report();
  const task = await setting.newTask();
  await eventually(async () => (await turnOf(setting, task)).Status === 'Waiting for a runner: low disk space on m1');
  machine.reason = undefined;
  await machine.report();
  await eventually(async () => (await stateOf(setting, task)) === 'Executing');
});

test('a turn that a machine may have accepted goes to that machine only, at once when it is back', async () => {
  await using setting = await setUp();
  const killed = await setting.machine('m1', 2, { answer: () => undefined });
  const task = await setting.newTask();
  await eventually(async () => killed.tasks.length === 1);
  await killed[Symbol.asyncDispose]();
  const other = await setting.machine('m2', 2);
  const next = await setting.newTask();
  await eventually(async () => (await stateOf(setting, next)) === 'Executing');
  const already = (request: { Type: string }) =>
    request.Type === 'PingRequest'
      ? { Type: 'PingResponse' }
      : { Type: 'InvokeAgentResponse', ErrorMessage: 'the job is already queued or running' };
  const again = await setting.machine('m1', 2, { instanceId: killed.instanceId, answer: already });
  await eventually(async () => (await stateOf(setting, task)) === 'Executing');
  assert.deepEqual([again.tasks, other.tasks], [[task], [next]]);
});

test('a turn that a restarted machine has lost is sent again before newer turns take the free slot', async () => {
  await using setting = await setUp({ timing: { ...timing, invocationRetry: { minMs: 200, maxMs: 200 } } });
  const killed = await setting.machine('m1', 1, { answer: () => undefined });
  const task = await setting.newTask();
  await eventually(async () => killed.tasks.length === 1);
  await killed[Symbol.asyncDispose]();
  const next = await setting.newTask();
  const again = await setting.machine('m1', 1, { instanceId: killed.instanceId });
  await eventually(async () => (await stateOf(setting, task)) === 'Executing');
  assert.deepEqual(again.tasks, [task]);
  await again.finish();
  await eventually(async () => (await stateOf(setting, next)) === 'Executing');
  assert.deepEqual(again.tasks, [task, next]);
});

test('a turn of a machine that is gone for long goes to another one, and the first can no longer change it', async () => {
  const test = new TestClock();
  const clock = { ...systemClock, now: () => systemClock.now() + test.now() };
  await using setting = await setUp({ clock, timing: { ...timing, runnerResponseTimeoutMs: 50 } });
  const { plane } = setting;
  const killed = await setting.machine('m1', 2, { answer: () => undefined });
  const task = await setting.newTask();
  await eventually(async () => killed.tasks.length === 1);
  await killed[Symbol.asyncDispose]();
  const other = await setting.machine('m2', 2);
  await test.advance(machineGoneMs);
  await eventually(async () => other.tasks.length === 1);
  await eventually(async () => (await stateOf(setting, task)) === 'Executing');
  const { Version, Machine } = await turnOf(setting, task);
  assert.equal(Machine, 'm2');

  const as = (instanceId: string) => ({ headers: { 'plan42-instance': instanceId } });
  const body = { Status: 'Failed' };
  const late = await plane.call('PATCH', `tasks/${task}/turns/1`, { ifMatch: Version, body, ...as(killed.instanceId) });
  assert.deepEqual([late.status, late.body.Current.Machine], [409, 'm2']);
  const ended = await plane.call('POST', `${plane.runner}/ended-turns`, {
    body: { Turns: [{ TaskId: task, TurnIndex: 1 }] },
    ...as(killed.instanceId),
  });
  assert.deepEqual(ended.body.Items, [{ TaskId: task, TurnIndex: 1, Reason: 'Moved', Machine: 'm2' }]);
  const own = await plane.call('PATCH', `tasks/${task}/turns/1`, { ifMatch: Version, body, ...as(other.instanceId) });
  assert.equal(own.status, 200);
});
