import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type Answerer, startFakeRunner } from '../../../test/support/fake-runner.ts';

const plane = await startControlPlane({ timing: { runnerResponseTimeoutMs: 200 } });
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const { runnerId } = plane.server.admin;

async function newConnection(fields: object = { Private: true, RunnerID: runnerId }): Promise<string> {
  const path = `github-connections/${randomUUID()}`;
  assert.equal((await call('PUT', path, { body: fields })).status, 201);
  return path;
}

test('connections are created, changed and deleted', async () => {
  const path = `github-connections/${randomUUID()}`;
  const made = await call('PUT', path, { body: { Private: true, RunnerID: runnerId, Name: 'n' } });
  assert.equal(made.status, 201);
  assert.deepEqual(
    [made.body.Private, made.body.RunnerID, made.body.Name, made.body.Version],
    [true, runnerId, 'n', 1],
  );
  assert.equal((await call('PUT', path, { body: { Private: false } })).body.CurrentType, 'GithubConnection');
  const secret = { Name: '', OAuthToken: 'o', RefreshToken: 'r', TokenExpiry: '0001-01-01T00:00:00Z', State: '' };
  const changed = await call('PATCH', path, { ifMatch: 1, body: secret });
  assert.equal(changed.status, 200);
  assert.deepEqual(Object.keys(changed.body).toSorted(), [
    'ConnectionID',
    'CreatedAt',
    'Private',
    'RunnerID',
    'TenantID',
    'UpdatedAt',
    'Version',
  ]);
  assert.equal((await call('DELETE', path, { ifMatch: 1 })).status, 409);
  assert.equal((await call('DELETE', path, { ifMatch: 2 })).status, 204);
  assert.equal((await call('GET', path)).status, 404);
  assert.equal(
    (await call('PUT', path, { body: { Private: false, GithubUserID: 7, GithubUserLogin: 'l' } })).status,
    201,
  );
});

test('an inconsistent connection is rejected', async () => {
  const status = async (body: object) => (await call('PUT', `github-connections/${randomUUID()}`, { body })).status;
  assert.equal(await status({}), 400);
  assert.equal(await status({ Private: true }), 400);
  assert.equal(await status({ Private: true, RunnerID: randomUUID() }), 400);
  assert.equal(await status({ Private: true, RunnerID: runnerId, GithubUserLogin: 'l' }), 400);
  const path = await newConnection();
  assert.equal((await call('PATCH', path, { ifMatch: 1, body: { RunnerID: '' } })).status, 400);
});

test('connections are listed by kind', async () => {
  await using own = await startControlPlane();
  const put = (body: object) => own.call('PUT', `github-connections/${randomUUID()}`, { body });
  await put({ Private: false });
  await put({ Private: true, RunnerID: own.server.admin.runnerId });
  const count = async (query: string) => (await own.call('GET', `github-connections?${query}`)).body.Items.length;
  assert.deepEqual([await count(''), await count('private=true'), await count('private=false')], [2, 1, 1]);
});

async function withRunner(answer: Answerer, work: (requests: unknown[]) => Promise<void>): Promise<void> {
  await using runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken(), answer });
  await work(runner.requests);
  const queue = (await call('GET', runner.path)).body;
  await call('DELETE', runner.path, { ifMatch: queue.Version });
}

test('orgs, repositories and branches come from the runner', async () => {
  const path = await newConnection();
  const ids = { TenantID: plane.server.admin.tenantId, ConnectionID: path.split('/')[1] };
  const answer: Answerer = ({ Type }) => ({
    Type: Type.replace('Request', 'Response'),
    Items: Type.startsWith('ListOrgs') ? ['a', 'b'] : null,
    NextToken: Type.startsWith('ListOrgs') ? 'more' : null,
    ErrorMessage: null,
  });
  await withRunner(answer, async (requests) => {
    assert.deepEqual((await call('GET', `${path}/orgs?maxResults=5&token=t`)).body, {
      Items: ['a', 'b'],
      NextToken: 'more',
    });
    const repos = await call('GET', `${path}/orgs/a%20b+c%2Fd/repos?search=a+b%2Bc`);
    assert.deepEqual([repos.status, repos.body], [200, { Items: [] }]);
    assert.equal((await call('GET', `${path}/orgs/o/repos/r%25/branches?search=`)).status, 200);
    assert.deepEqual(requests, [
      { Type: 'ListOrgsForGithubConnectionRequest', ...ids, MaxResults: 5, Token: 't' },
      { Type: 'SearchRepoRequest', ...ids, OrgName: 'a b+c/d', Search: 'a b+c' },
      { Type: 'ListRepoBranchesRequest', ...ids, OrgName: 'o', RepoName: 'r%', Search: '' },
    ]);
  });
});

test('each failure on the way to the runner has its own status', async () => {
  const path = await newConnection();
  const status = async (suffix: string) => (await call('GET', path + suffix)).status;
  assert.equal(await status('/orgs'), 504, 'no queue');
  const failing: Answerer = ({ Type }) => ({
    Type: Type.replace('Request', 'Response'),
    ErrorMessage: 'GitHub rejected it',
  });
  await withRunner(failing, async () => {
    const { status, body } = await call('GET', `${path}/orgs`);
    assert.deepEqual([status, body.ResponseCode, body.Message], [502, 502, 'GitHub rejected it']);
  });
  const failures: [error: object, status: number, errorType: string][] = [
    [{ ErrorMessage: 'Not Found', ErrorStatus: 404 }, 404, 'NotFound'],
    [{ ErrorMessage: 'Validation Failed', ErrorStatus: 422 }, 422, 'UnprocessableEntity'],
    [{ ErrorMessage: 'invalid repo name', ErrorStatus: 400 }, 400, 'BadRequest'],
    // A caller would take these for the state of its own token, or repeat a call that it must not.
    [{ ErrorMessage: 'Bad credentials', ErrorStatus: 401 }, 502, 'BadGateway'],
    [{ ErrorMessage: 'x', ErrorStatus: 200 }, 502, 'BadGateway'],
    [{ ErrorMessage: 'x', ErrorStatus: 'junk' }, 502, 'BadGateway'],
    // Runners that send no status.
    [{ ErrorMessage: 'invalid pagination token' }, 400, 'BadRequest'],
    [{ ErrorMessage: 'search query is required' }, 400, 'BadRequest'],
    [{ ErrorMessage: 'maxResults must be between 1 and 100' }, 400, 'BadRequest'],
    [{ ErrorMessage: 'missing github token for connection c' }, 400, 'BadRequest'],
    [{ ErrorMessage: `github connection ${randomUUID()} not found` }, 404, 'NotFound'],
    [{ ErrorMessage: 'GET https://api.github.com/repos/a/b/branches: 404 Not Found []' }, 404, 'NotFound'],
    [{ ErrorMessage: 'GET https://ghes/api/v3/search: 422 Validation Failed [{}]' }, 422, 'UnprocessableEntity'],
    [{ ErrorMessage: 'GET https://api.github.com/user/orgs: 401 Bad credentials []' }, 502, 'BadGateway'],
    [{ ErrorMessage: 'cannot reach GitHub: 404 x' }, 502, 'BadGateway'],
  ];
  for (const [error, status, errorType] of failures) {
    const answer: Answerer = ({ Type }) => ({ Type: Type.replace('Request', 'Response'), ...error });
    await withRunner(answer, async () => {
      const { body, ...reply } = await call('GET', `${path}/orgs`);
      const seen = [reply.status, body.ResponseCode, body.ErrorType];
      assert.deepEqual(seen, [status, status, errorType], JSON.stringify(error));
    });
  }
  await withRunner(
    () => undefined,
    async () => assert.equal(await status('/orgs'), 504, 'silence'),
  );
  await withRunner(
    () => ({ Type: 'PingResponse' }),
    async () => assert.equal(await status('/orgs'), 502, 'nonsense'),
  );
  assert.equal(await status('/orgs?maxResults=101'), 400);
  assert.equal(await status('/orgs/o/repos'), 400);
  assert.equal(await status('/orgs/o/repos?search='), 400);
  const open = await newConnection({ Private: false });
  assert.equal((await call('GET', `${open}/orgs`)).status, 400);
  assert.equal((await call('GET', `github-connections/${randomUUID()}/orgs`)).status, 404);
});

test('a turn fails if the connection of its environment was deleted', async () => {
  const path = await newConnection();
  const environmentId = await plane.newEnvironment({ GithubConnectionId: path.split('/')[1] });
  await call('DELETE', path, { ifMatch: 1 });
  const task = `tasks/${randomUUID()}`;
  await call('PUT', task, { body: { Title: 't', Prompt: 'p', EnvironmentId: environmentId } });
  const turn = await eventually(async () => {
    const { body } = await call('GET', `${task}/turns/1`);
    return body.Status === 'Failed' ? body : undefined;
  });
  assert.equal(turn.ErrorMessage, 'the GitHub connection of the environment was deleted; choose another one');
});
