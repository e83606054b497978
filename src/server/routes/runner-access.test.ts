/** Tests which tasks a runner token can find and change, for comments and pull requests on GitHub. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call, server } = plane;
const token = await plane.newToken();
const otherRunner = `${plane.tenant}/runners/${randomUUID()}`;
await call('PUT', otherRunner, { body: { Name: 'other', RunsTasks: true, ProxiesGithub: true } });
const otherToken = await plane.newToken(otherRunner);

const newConnection = async (RunnerID: string = server.admin.runnerId) => {
  const id = randomUUID();
  const body = { Private: true, RunnerID };
  assert.equal((await call('PUT', `github-connections/${id}`, { body })).status, 201);
  return id;
};
const repo = { FeatureBranch: 'f', TargetBranch: 'main', PRID: '4711', PRNumber: 3, PRStatus: 'open' };
let lastPullRequest = 5000;
const newTask = async (GithubConnectionId?: string) => {
  lastPullRequest += 1;
  const PRID = String(lastPullRequest);
  const EnvironmentId = await plane.newEnvironment({ ...(GithubConnectionId && { GithubConnectionId }) });
  const TaskId = await plane.newTask({ EnvironmentId, RepoInfo: { 'o/r': { ...repo, PRID } } });
  return { TaskId, path: `tasks/${TaskId}`, search: `/v1/tasks/search?pullRequestId=${PRID}` };
};
const finishTurn = async (path: string) => {
  const { body } = await call('GET', `${path}/turns/last`);
  const update = { ifMatch: body.Version, body: { Status: 'Completed' } };
  assert.equal((await call('PATCH', `${path}/turns/${body.TurnIndex}`, update)).status, 200);
};
const found = async (search: string, as: string) =>
  (await call('POST', search, { body: {}, token: as })).body.Tasks.map((task: { TaskId: string }) => task.TaskId);

test('a runner finds, updates and continues the tasks of its connection', async () => {
  const { TaskId, path, search } = await newTask(await newConnection());
  assert.deepEqual(await found(search, token), [TaskId]);
  assert.deepEqual(await found(search, otherToken), []);
  await finishTurn(path);
  const RepoInfo = { 'o/r': { ...repo, PRStatus: 'merged', PRStatusUpdatedAt: '2026-01-02T03:04:05Z' } };
  const refused = await call('PATCH', path, { body: { RepoInfo }, ifMatch: 1, token: otherToken });
  assert.equal(refused.status, 403);
  const updated = await call('PATCH', path, { body: { RepoInfo }, ifMatch: 1, token });
  assert.deepEqual([updated.status, updated.body.RepoInfo['o/r'].PRStatus], [200, 'merged']);
  const last = await call('GET', `${path}/turns/last`, { token });
  assert.deepEqual([last.status, last.body.TurnIndex], [200, 1]);
  const next = { body: { Prompt: 'go on' }, ifMatch: 2 };
  assert.equal((await call('PUT', `${path}/turns/2`, { ...next, token: otherToken })).status, 403);
  assert.equal((await call('PUT', `${path}/turns/2`, { ...next, token })).status, 201);
});

test('a runner may change only the pull requests of a task', async () => {
  const { path } = await newTask(await newConnection());
  const status = async (body: object) => (await call('PATCH', path, { body, ifMatch: 1, token })).status;
  assert.equal(await status({ Title: 'other' }), 403);
  assert.equal(await status({ RepoInfo: { 'o/r': { ...repo, FeatureBranch: 'main' } } }), 403);
  assert.equal(await status({ RepoInfo: { 'o/r': repo, 'o/other': repo } }), 403);
  assert.equal(await status({ RepoInfo: {} }), 403);
  assert.equal(await status({ RepoInfo: { 'o/r': { ...repo, PRNumber: 4 } } }), 200);
});

test('an update from an older version is a conflict, also if it lacks a repository that was added', async () => {
  const { path } = await newTask(await newConnection());
  const { body: before } = await call('GET', path);
  const more = { 'o/more': { FeatureBranch: 'm', TargetBranch: 'main' } };
  const added = { body: { RepoInfo: { ...before.RepoInfo, ...more } }, ifMatch: before.Version };
  assert.equal((await call('PATCH', path, added)).status, 200);
  const late = { body: { RepoInfo: before.RepoInfo }, ifMatch: before.Version, token };
  const { status, body } = await call('PATCH', path, late);
  assert.deepEqual([status, Object.keys(body.Current.RepoInfo)], [409, ['o/r', 'o/more']]);
});

test('the default connection of the tenant counts for environments without one', async () => {
  const { TaskId, search } = await newTask();
  assert.deepEqual(await found(search, token), []);
  const DefaultGithubConnectionID = await newConnection();
  const { body: tenant } = await call('GET', plane.tenant);
  const update = { body: { DefaultGithubConnectionID }, ifMatch: tenant.Version };
  assert.equal((await call('PATCH', plane.tenant, update)).status, 200);
  assert.deepEqual(await found(search, token), [TaskId]);
  assert.deepEqual(await found(search, otherToken), []);
});
