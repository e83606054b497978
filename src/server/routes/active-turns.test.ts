import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import type { Json } from '../../../test/support/json.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const far = 'maxUpdatedAt=2999-01-01T00:00:00Z';

test('the turns that are not finished are listed by the time of their last update', async () => {
  // Without a runner they wait, and are not updated.
  const ids = [await plane.newTask(), await plane.newTask(), await plane.newTask()];
  const list = async (query: string) => (await call('GET', `/v1/turns?${query}`)).body.Items.map((t: Json) => t.TaskId);
  assert.deepEqual(await list(`partition=0&${far}`), ids);
  assert.deepEqual(await list(`partition=1&${far}`), []);
  const first = (await call('GET', `/v1/turns?partition=0&maxResults=2&${far}`)).body;
  const rest = await list(`partition=0&${far}&token=${first.NextToken}`);
  assert.deepEqual([...first.Items.map((turn: Json) => turn.TaskId), ...rest], ids);
  await plane.call('DELETE', `tasks/${ids[0]}`, { ifMatch: 1 });
  const turn = `tasks/${ids[1]}/turns/1`;
  const { Version } = (await call('GET', turn)).body;
  await call('PATCH', turn, { ifMatch: Version, body: { Status: 'Completed' } });
  assert.deepEqual(await list(`partition=0&${far}`), [ids[2]]);
  const { UpdatedAt } = (await call('GET', `tasks/${ids[2]}/turns/1`)).body;
  const [before, after] = [UpdatedAt.replace('Z', ''), `${UpdatedAt.replace('Z', '')}000001Z`];
  assert.deepEqual(await list(`partition=0&maxUpdatedAt=${UpdatedAt}`), [], 'exclusive');
  assert.deepEqual(await list(`partition=0&maxUpdatedAt=${after}`), [ids[2]]);
  assert.deepEqual(await list(`partition=0&${far}&minUpdatedAt=${before}Z`), [ids[2]], 'inclusive');
  assert.deepEqual(await list(`partition=0&${far}&minUpdatedAt=${after}`), []);
});

test('the partition and the time are required', async () => {
  for (const query of ['', 'partition=0', far, `partition=-1&${far}`, 'partition=0&maxUpdatedAt=now'])
    assert.equal((await call('GET', `/v1/turns?${query}`)).status, 400, query);
  assert.equal((await call('GET', `/v1/turns?partition=0&${far}`, { token: await plane.newToken() })).status, 403);
});

test('a tenant has no feature flags, and the server no GitHub tokens', async () => {
  assert.deepEqual((await call('GET', 'featureflags')).body, { FeatureFlags: {} });
  const path = `tasks/${await plane.newTask()}/github-creds`;
  const { status, body } = await call('GET', path);
  assert.deepEqual([status, body.ErrorType], [404, 'NotFound']);
  assert.match(body.Message, /^the server has no GitHub token/);
  assert.equal((await call('GET', path, { token: await plane.newToken() })).status, 403);
});

test('the default branches of repositories come from the runner', async () => {
  const token = await plane.newToken();
  let answer: object = { Items: [{ Repo: 'o/r', DefaultBranch: 'main' }], ErrorMessage: null };
  await using runner = await startFakeRunner({
    url: plane.server.url,
    token,
    answer: (request) =>
      request.Type === 'GetDefaultBranchesRequest' ? { Type: 'GetDefaultBranchesResponse', ...answer } : undefined,
  });
  const connection = `github-connections/${randomUUID()}`;
  await call('PUT', connection, { body: { Private: true, RunnerID: plane.server.admin.runnerId } });
  const post = async (body: object) => await call('POST', `${connection}/default-branches`, { body });
  const { status, body } = await post({ Repos: ['o/r'] });
  assert.deepEqual([status, body], [200, { Items: [{ Repo: 'o/r', DefaultBranch: 'main' }] }]);
  const { Repos, ConnectionID } = runner.requests.find(({ Type }) => Type === 'GetDefaultBranchesRequest');
  assert.deepEqual([Repos, ConnectionID], [['o/r'], connection.split('/')[1]]);
  answer = { Items: null, ErrorMessage: 'GET https://api.github.com/repos/o/r: 404 Not Found []' };
  assert.equal((await post({ Repos: ['o/r'] })).status, 404);
  for (const bad of [{}, { Repos: [] }, { Repos: ['x'.repeat(5000)] }])
    assert.ok([400, 413].includes((await post(bad)).status));
});
