import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { FakeRunner, startFakeRunner } from '../../../test/support/fake-runner.ts';

const fast = { runnerResponseTimeoutMs: 100, invocationRetry: { minMs: 1, maxMs: 5 } };

/** Waits until the first turn of a task has a status that `isWanted`. */
function turnWith(plane: TestControlPlane, task: string, isWanted: (status: string) => boolean) {
  return eventually(async () => {
    const { body } = await plane.call('GET', `tasks/${task}/turns/1`);
    return isWanted(body.Status) && body;
  });
}

async function taskState(plane: TestControlPlane, task: string, state: string): Promise<void> {
  await eventually(async () => (await plane.call('GET', `tasks/${task}`)).body.State === state);
}

test('a turn is sent with everything that its agent needs', async () => {
  await using plane = await startControlPlane();
  const connection = randomUUID();
  const { runnerId, tenantId } = plane.server.admin;
  await plane.call('PUT', `github-connections/${connection}`, { body: { Private: true, RunnerID: runnerId } });
  const EnvVars = [{ Name: 'A', Value: 'secret', IsSecret: true }];
  const EnvironmentId = await plane.newEnvironment({ EnvVars, GithubConnectionId: connection });
  const task = await plane.newTask({ EnvironmentId });
  await turnWith(plane, task, (status) => status === 'Waiting for a runner');
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  await taskState(plane, task, 'Executing');
  const [{ AgentToken, Task, Turn, Environment, Tenant, ...rest }] = runner.requests;
  assert.deepEqual(rest, { Type: 'InvokeAgentRequest', PrivateGithubConnectionID: connection });
  assert.deepEqual([Task.TaskId, Task.LastTurnStatus, Task.Version], [task, 'Pending', 1]);
  assert.deepEqual(Turn, (await plane.call('GET', `tasks/${task}/turns/1`)).body);
  assert.equal(Turn.Status, 'Pending');
  assert.deepEqual(Environment.EnvVars, EnvVars);
  assert.equal(Tenant.TenantId, tenantId);
  const claims = JSON.parse(Buffer.from(AgentToken.split('.')[1], 'base64url').toString());
  assert.deepEqual(
    [AgentToken.slice(0, 5), claims.iss, claims.sub, claims.principal_type, claims.task_id, claims.turn_index],
    ['p42a_', plane.server.url, tenantId, 'Agent', task, 1],
  );
});

test('an error of the runner fails the turn, unless the job already exists', async () => {
  await using plane = await startControlPlane();
  let ErrorMessage = 'invalid Docker image: agent';
  const answer = () => ({ Type: 'InvokeAgentResponse', ErrorMessage });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken(), answer });
  assert.ok(runner);
  const refused = await plane.newTask();
  const turn = await turnWith(plane, refused, (status) => status === 'Failed');
  assert.deepEqual([turn.ErrorMessage, typeof turn.CompletedAt], [ErrorMessage, 'string']);
  await taskState(plane, refused, 'Failed');
  ErrorMessage = 'the job plan42-x-1 is already running';
  await taskState(plane, await plane.newTask(), 'Executing');
});

test('a turn without a response is sent a few times, through different queues', async () => {
  await using plane = await startControlPlane({ timing: { ...fast, maxInvocationAttempts: 4 } });
  const silent = { url: plane.server.url, token: await plane.newToken(), answer: () => undefined };
  await using one = await startFakeRunner(silent);
  await using two = await startFakeRunner(silent);
  const { ErrorMessage } = await turnWith(plane, await plane.newTask(), (status) => status === 'Failed');
  assert.match(ErrorMessage, /did not respond in time \(4 attempts\)/);
  assert.deepEqual([one.requests.length, two.requests.length], [2, 2]);
});

test('turns are spread over the healthy queues', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  await using stack = new AsyncDisposableStack();
  const runners: FakeRunner[] = [];
  for (let i = 0; i < 4; i += 1) runners.push(stack.use(await startFakeRunner({ url: plane.server.url, token })));
  await plane.call('PATCH', runners[0]?.path ?? '', { ifMatch: 1, body: { Draining: true, IsHealthy: false } });
  const EnvironmentId = await plane.newEnvironment();
  for (let i = 0; i < 6; i += 1) await taskState(plane, await plane.newTask({ EnvironmentId }), 'Executing');
  assert.deepEqual(
    runners.map(({ requests }) => requests.length),
    [0, 2, 2, 2],
  );
});

test('undelivered messages of an unhealthy queue move to another queue', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  await using idle = new FakeRunner({ url: plane.server.url, token });
  await idle.register();
  const task = await plane.newTask();
  await turnWith(plane, task, (status) => status === 'Pending');
  await using runner = await startFakeRunner({ url: plane.server.url, token });
  await plane.call('DELETE', idle.path, { ifMatch: 1 });
  await taskState(plane, task, 'Executing');
  assert.equal(runner.requests.length, 1);
});

test('a turn without a runner waits, and its status shows why', async () => {
  await using plane = await startControlPlane();
  const { body: tenant } = await plane.call('PATCH', plane.tenant, { ifMatch: 1, body: { DefaultRunnerID: '' } });
  const task = await plane.newTask();
  await turnWith(plane, task, (status) => status === 'Waiting for a runner: the tenant has no default runner');
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const body = { DefaultRunnerID: plane.server.admin.runnerId };
  await plane.call('PATCH', plane.tenant, { ifMatch: tenant.Version, body });
  await taskState(plane, task, 'Executing');
  assert.equal(runner.requests.length, 1);
});

test('a turn without its environment fails; a turn of a deleted task is not sent', async () => {
  await using plane = await startControlPlane();
  const EnvironmentId = await plane.newEnvironment();
  const task = await plane.newTask({ EnvironmentId });
  const deleted = await plane.newTask();
  await turnWith(plane, deleted, (status) => status === 'Waiting for a runner');
  await plane.call('DELETE', `tasks/${deleted}`, { ifMatch: 1 });
  await plane.call('DELETE', `environments/${EnvironmentId}`, { ifMatch: 1 });
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  const { ErrorMessage } = await turnWith(plane, task, (status) => status === 'Failed');
  assert.equal(ErrorMessage, 'the environment of the task was deleted');
  assert.deepEqual(runner.requests, []);
  await plane.call('PATCH', `tasks/${deleted}`, { ifMatch: 2, body: { Deleted: false } });
  await taskState(plane, deleted, 'Executing');
});

test('a restart sends exactly the turns that were not accepted', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  const [accepted, waiting] = [await plane.newTask(), await plane.newTask()];
  const answer = ({ Task }: { Task: { TaskId: string } }) =>
    Task.TaskId === accepted ? { Type: 'InvokeAgentResponse', ErrorMessage: null } : undefined;
  await using first = await startFakeRunner({ url: plane.server.url, token, answer });
  await taskState(plane, accepted, 'Executing');
  await eventually(async () => first.requests.length === 2);
  await plane.restart();
  await using second = await startFakeRunner({ url: plane.server.url, token });
  const { body: queue } = await plane.call('GET', first.path);
  await plane.call('DELETE', first.path, { ifMatch: queue.Version });
  await taskState(plane, waiting, 'Executing');
  assert.deepEqual(
    second.requests.map(({ Task }) => Task.TaskId),
    [waiting],
  );
});

test('an update by the agent counts as acceptance if the response was lost', async () => {
  await using plane = await startControlPlane({ timing: fast });
  const silent = { url: plane.server.url, token: await plane.newToken(), answer: () => undefined };
  await using runner = await startFakeRunner(silent);
  const task = await plane.newTask();
  await eventually(async () => runner.requests.length > 0);
  const [{ Turn, AgentToken: token }] = runner.requests;
  const body = { Status: 'Working' };
  const updated = await plane.call('PATCH', `tasks/${task}/turns/1`, { token, ifMatch: Turn.Version, body });
  assert.equal(updated.status, 200);
  await taskState(plane, task, 'Executing');
});
