import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;

test('a new task has its first turn', async () => {
  const environment = await plane.newEnvironment();
  const path = `tasks/${randomUUID()}`;
  const body = { Title: 't', Prompt: 'p', EnvironmentID: environment, Model: 'GPT-5', RepoInfo: null };
  const made = await call('PUT', path, { body });
  assert.equal(made.status, 201);
  assert.deepEqual(
    [made.body.State, made.body.LastTurnIndex, made.body.AssignedToAI, made.body.Parallel, made.body.Version],
    ['Pending', 1, true, false, 1],
  );
  assert.equal('TaskNumber' in made.body, false);
  assert.deepEqual([made.body.EnvironmentId, made.body.Model, made.body.RepoInfo], [environment, 'GPT-5', {}]);
  const turn = await call('GET', `${path}/turns/1`);
  assert.deepEqual([turn.status, turn.body.Prompt, turn.body.TurnIndex], [200, 'p', 1]);
  const again = await call('PUT', path, { body });
  assert.deepEqual([again.status, again.body.CurrentType, again.body.Current.TaskId], [409, 'Task', made.body.TaskId]);
});

test('a task needs a title, a prompt and an existing environment', async () => {
  const environment = await plane.newEnvironment();
  const status = async (body: object) => (await call('PUT', `tasks/${randomUUID()}`, { body })).status;
  assert.equal(await status({ Title: 't', Prompt: 'p' }), 400);
  assert.equal(await status({ Title: 't', Prompt: 'p', EnvironmentId: randomUUID() }), 400);
  assert.equal(await status({ Title: 't', EnvironmentId: environment }), 400);
  assert.equal(await status({ Title: '', Prompt: 'p', EnvironmentId: environment }), 400);
  await call('DELETE', `environments/${environment}`, { ifMatch: 1 });
  assert.equal(await status({ Title: 't', Prompt: 'p', EnvironmentId: environment }), 400);
});

test('an update keeps other fields, and times keep their instant', async () => {
  const path = `tasks/${await plane.newTask()}`;
  const info = {
    FeatureBranch: 'f',
    TargetBranch: 'main',
    PRID: '77',
    PRStatusUpdatedAt: '2025-01-02T03:04:05.123456789+01:00',
    New: 1,
  };
  const patched = await call('PATCH', path, { ifMatch: 1, body: { repoInfo: { 'o/r': info } } });
  assert.equal(patched.status, 200);
  assert.deepEqual(patched.body.RepoInfo['o/r'], { ...info, PRStatusUpdatedAt: '2025-01-02T02:04:05.123456789Z' });
  assert.equal(patched.body.Title, 'title');
  const patch = async (body: object) => (await call('PATCH', path, { ifMatch: 2, body })).status;
  assert.equal(await patch({ EnvironmentId: randomUUID() }), 400);
  assert.equal(await patch({ RepoInfo: { 'o/r': { PRStatusUpdatedAt: '' } } }), 400);
  assert.equal(await patch({ EnvironmentId: patched.body.EnvironmentId.toUpperCase(), Title: 'x' }), 200);
});

test('a search finds tasks by ID and by pull request', async () => {
  const id = await plane.newTask({ RepoInfo: { 'o/r': { FeatureBranch: 'f', TargetBranch: 't', PRID: '4711' } } });
  const search = async (query: string) => await call('POST', `/v1/tasks/search?${query}`, { body: '{}\n' });
  const ids = async (query: string) => (await search(query)).body.Tasks.map((task: { TaskId: string }) => task.TaskId);
  assert.deepEqual(await ids('pullRequestId=4711'), [id]);
  assert.deepEqual(await ids(`pullRequestId=4711&taskId=${id.toUpperCase()}`), [id]);
  assert.deepEqual((await search(`pullRequestId=1&taskId=${id}`)).body, { Tasks: [], Items: [] });
  assert.deepEqual(await ids(`taskId=${id}`), [id]);
  for (const query of ['', 'pullRequestId=0', 'pullRequestId=x', 'taskId=x'])
    assert.equal((await search(query)).status, 400);
  await call('DELETE', `tasks/${id}`, { ifMatch: 1 });
  assert.deepEqual(await ids(`taskId=${id}`), []);
});

test('a deleted task hides its turns', async () => {
  const path = `tasks/${await plane.newTask()}`;
  assert.equal((await call('DELETE', path, { ifMatch: 1 })).status, 204);
  assert.equal((await call('GET', `${path}/turns/1`)).status, 404);
  assert.equal((await call('GET', `${path}/turns`)).status, 404);
  assert.equal((await call('GET', `${path}/turns/1?includeDeleted=true`)).status, 200);
  assert.equal((await call('GET', `${path}/turns/last?includeDeleted=true`)).status, 200);
  const tasks = (await call('GET', 'tasks?maxResults=500')).body.Tasks;
  assert.equal(
    tasks.some((task: { Deleted: boolean }) => task.Deleted),
    false,
  );
  assert.equal((await call('PATCH', path, { ifMatch: 2, body: { Deleted: false } })).status, 200);
  assert.equal((await call('GET', `${path}/turns/1`)).status, 200);
});
