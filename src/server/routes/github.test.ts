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

test('a connection that environments use is not deleted, and a deleted one is no default', async () => {
  await using own = await startControlPlane();
  const connection = `github-connections/${randomUUID()}`;
  const id = connection.split('/')[1];
  await own.call('PUT', connection, { body: { Private: false } });
  const { Version } = (await own.call('GET', own.tenant)).body;
  await own.call('PATCH', own.tenant, { ifMatch: Version, body: { DefaultGithubConnectionID: id } });
  const environments: string[] = [];
  for (const Name of ['web', 'api', 'c', 'd', 'e', 'f'])
    environments.push(`environments/${await own.newEnvironment({ Name, GithubConnectionId: id })}`);
  const refused = await own.call('DELETE', connection, { ifMatch: 1 });
  assert.deepEqual(
    [refused.status, refused.body.Message],
    [409, 'environments use the connection: web, api, c, d, e and more; bind them to another one first'],
  );
  assert.equal((await own.call('GET', own.tenant)).body.DefaultGithubConnectionID, id);
  for (const [n, path] of environments.entries()) {
    if (n === 0) await own.call('DELETE', path, { ifMatch: 1 });
    else await own.call('PATCH', path, { ifMatch: 1, body: { GithubConnectionId: 'default' } });
  }
  assert.equal((await own.call('DELETE', connection, { ifMatch: 1 })).status, 204);
  const tenant = (await own.call('GET', own.tenant)).body;
  assert.deepEqual([tenant.DefaultGithubConnectionID, tenant.Version], [undefined, Version + 2]);
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
    assert.deepEqual([status, body.ResponseCode], [502, 502]);
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

test('a failure names what was asked for, keeps the words of GitHub, and says what to do', async () => {
  const id = randomUUID();
  const path = `github-connections/${id}`;
  await call('PUT', path, { body: { Private: true, RunnerID: runnerId, Name: 'work' } });
  const noQueue = await call('GET', `${path}/orgs/acme/repos/nope/branches`);
  assert.equal(
    noQueue.body.Message,
    'cannot list the branches of acme/nope through the connection work: no healthy queue of the runner Local runner took ' +
      'the message. Start the runner Local runner. On its machine, run: plan42 runner status',
  );
  const [branches, orgs, search, defaults] = [
    'cannot list the branches of acme/nope through the connection work',
    'cannot list the organisations of the connection work',
    'cannot search the repositories of acme through the connection work',
    'cannot get default branches through the connection work',
  ];
  const paths: Record<string, readonly [method: string, path: string, body?: object]> = {
    [branches]: ['GET', '/orgs/acme/repos/nope/branches'],
    [orgs]: ['GET', '/orgs'],
    [search]: ['GET', '/orgs/acme/repos?search=x'],
    [defaults]: ['POST', '/default-branches', { Repos: ['acme/nope'] }],
  };
  const onMachine = 'On the machine of the runner Local runner, run:';
  const set = 'plan42 runner config set github.work';
  const setToken = `${set}.token --from-file token.txt`;
  const check = 'Check the name, and that the token of [github.work] of the runner Local runner can read it.';
  const inConfiguration = 'in the configuration of the runner Local runner';
  const cases: [asked: string, error: object, reason: string, remedy: string | undefined][] = [
    [branches, { ErrorMessage: 'Not Found', ErrorStatus: 404 }, 'Not Found', check],
    [defaults, { ErrorMessage: 'acme/nope: Not Found', ErrorStatus: 404 }, 'acme/nope: Not Found', check],
    [
      search,
      { ErrorMessage: 'Validation Failed: cannot be searched', ErrorStatus: 422 },
      'Validation Failed: cannot be searched',
      check,
    ],
    [
      orgs,
      { ErrorMessage: 'Bad credentials', ErrorStatus: 401 },
      'Bad credentials',
      `GitHub rejected the token of [github.work]. ${onMachine} ${setToken}`,
    ],
    // Runners that send no status.
    [
      orgs,
      { ErrorMessage: 'GET https://api.github.com/user/orgs: 401 Bad credentials []' },
      'GET https://api.github.com/user/orgs: 401 Bad credentials []',
      `GitHub rejected the token of [github.work]. ${onMachine} ${setToken}`,
    ],
    [orgs, { ErrorMessage: 'API rate limit exceeded' }, 'API rate limit exceeded', 'Try again in a few minutes.'],
    [
      orgs,
      { ErrorMessage: 'Enough. Try again in 9 s, at 2026-01-01T00:00:00Z.', ErrorStatus: 429 },
      'Enough. Try again in 9 s, at 2026-01-01T00:00:00Z',
      undefined,
    ],
    [
      orgs,
      { ErrorMessage: `github connection ${id} not found` },
      `github connection ${id} not found ${inConfiguration}`,
      `${onMachine} ${set}.connection_id=${id} && ${setToken}`,
    ],
    [
      orgs,
      { ErrorMessage: `missing github token for connection ${id}` },
      `missing github token for connection ${id} ${inConfiguration}`,
      `${onMachine} ${setToken}`,
    ],
    [
      orgs,
      { ErrorMessage: 'cannot reach GitHub: refused' },
      'cannot reach GitHub: refused',
      `${onMachine} plan42 runner doctor`,
    ],
    [
      orgs,
      { ErrorMessage: 'invalid pagination token' },
      'invalid pagination token',
      'Read the list again from its first page.',
    ],
  ];
  for (const [asked, error, reason, remedy] of cases) {
    const answer: Answerer = ({ Type }) => ({ Type: Type.replace('Request', 'Response'), ...error });
    await withRunner(answer, async () => {
      const [method, suffix, body] = paths[asked] ?? assert.fail();
      const { body: got } = await call(method, path + suffix, body ? { body } : {});
      assert.deepEqual([got.Message, got.Remedy], [`${asked}: ${reason}${remedy ? `. ${remedy}` : ''}`, remedy]);
    });
  }
  await withRunner(
    () => undefined,
    async () => {
      const { Message } = (await call('GET', `${path}/orgs`)).body;
      assert.match(Message, /: the runner Local runner did not respond in time\. Try again\. On its machine, run: /);
    },
  );
});

test('a connection of a deleted runner names it', async () => {
  const runner = `runners/${randomUUID()}`;
  await call('PUT', runner, { body: { Name: 'old' } });
  const path = await newConnection({ Private: true, RunnerID: runner.split('/')[1], Name: 'two words' });
  await call('DELETE', runner, { ifMatch: 1 });
  const { status, body } = await call('GET', `${path}/orgs`);
  assert.equal(status, 400);
  assert.equal(
    body.Message,
    'cannot list the organisations of the connection two words: the runner old was deleted. Set the RunnerID of the connection to another runner.',
  );
});

test('a turn fails if the connection of its environment was deleted', async () => {
  const path = await newConnection();
  const environmentId = await plane.newEnvironment({ GithubConnectionId: path.split('/')[1] });
  const environment = `environments/${environmentId}`;
  await call('DELETE', environment, { ifMatch: 1 });
  assert.equal((await call('DELETE', path, { ifMatch: 1 })).status, 204);
  assert.equal((await call('PATCH', environment, { ifMatch: 2, body: { Deleted: false } })).status, 200);
  const task = `tasks/${randomUUID()}`;
  await call('PUT', task, { body: { Title: 't', Prompt: 'p', EnvironmentId: environmentId } });
  const turn = await eventually(async () => {
    const { body } = await call('GET', `${task}/turns/1`);
    return body.Status === 'Failed' ? body : undefined;
  });
  assert.equal(turn.ErrorMessage, 'the GitHub connection of the environment was deleted; choose another one');
});
