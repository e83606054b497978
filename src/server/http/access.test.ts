import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { systemClock } from '../../lib/clock.ts';
import { parseRunnerToken } from '../../plan42/runner-token.ts';

const plane = await startControlPlane();
const { call, tenant, runner } = plane;

const runnerToken = await plane.newToken();
const fake = await startFakeRunner({ url: plane.server.url, token: runnerToken });
after(async () => {
  await fake[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

/** A task whose turn a runner has, and the token of its agent. */
async function startTurn(): Promise<{ task: string; turn: string; token: string }> {
  const id = await plane.newTask();
  const task = `${tenant}/tasks/${id}`;
  await eventually(async () => (await call('GET', task)).body.State === 'Executing');
  const request = fake.requests.find(({ Task }) => Task?.TaskId === id);
  return { task, turn: `${task}/turns/1`, token: request.AgentToken };
}

const own = await startTurn();
const other = await startTurn();
const [environment, connection] = [await plane.newEnvironment(), `${tenant}/github-connections/${randomUUID()}`];
await call('PUT', connection, { body: { Private: false } });
const otherRunner = `${tenant}/runners/${randomUUID()}`;
await call('PUT', otherRunner, { body: { Name: 'other' } });

// Who may make a call, by the status that they get: `ok` for any but 401 and 403.
const matrix: [method: string, path: string, runner: 'ok' | 403, agent: 'ok' | 403][] = [
  ['GET', tenant, 'ok', 403],
  ['PATCH', tenant, 403, 403],
  ['GET', '/v1/tenants', 403, 403],
  ['GET', '/v1/current-user', 403, 403],
  ['GET', `/v1/tenants/${randomUUID()}`, 403, 403],
  ['GET', `${tenant}/environments/${environment}`, 'ok', 403],
  ['GET', `${tenant}/environments`, 'ok', 403],
  ['PUT', `${tenant}/environments/${randomUUID()}`, 403, 403],
  ['DELETE', `${tenant}/environments/${environment}`, 403, 403],
  ['GET', connection, 'ok', 403],
  ['GET', `${tenant}/github-connections`, 'ok', 403],
  ['PATCH', connection, 403, 403],
  ['GET', `${connection}/orgs`, 403, 403],
  ['GET', own.task, 'ok', 'ok'],
  ['GET', other.task, 'ok', 403],
  ['PATCH', own.task, 403, 'ok'],
  ['PATCH', other.task, 403, 403],
  ['DELETE', own.task, 403, 403],
  ['GET', `${tenant}/tasks`, 'ok', 403],
  ['PUT', `${own.task}/turns/2`, 403, 403],
  ['GET', own.turn, 'ok', 'ok'],
  ['GET', `${own.task}/turns/2`, 'ok', 403],
  ['GET', other.turn, 'ok', 403],
  ['PATCH', own.turn, 403, 'ok'],
  ['PATCH', other.turn, 403, 403],
  ['POST', `${own.turn}/logs`, 403, 'ok'],
  ['POST', `${other.turn}/logs`, 403, 403],
  ['GET', `${own.turn}/logs/last`, 403, 'ok'],
  ['GET', `${own.turn}/network`, 'ok', 403],
  ['POST', `${runner}/turn-networks`, 'ok', 403],
  ['POST', `${otherRunner}/turn-networks`, 403, 403],
  ['GET', runner, 403, 403],
  ['PUT', `${runner}/tokens/${randomUUID()}`, 403, 403],
  ['GET', `${runner}/tokens`, 403, 403],
  ['GET', fake.path, 'ok', 403],
  ['PATCH', fake.path, 'ok', 403],
  ['POST', `${fake.path}/ping`, 403, 403],
  ['GET', `${runner}/queues/${randomUUID()}/messages`, 'ok', 403],
  ['GET', `${otherRunner}/queues/${randomUUID()}/messages`, 403, 403],
  ['PUT', `${otherRunner}/queues/${randomUUID()}`, 403, 403],
  ['DELETE', `${otherRunner}/queues/${randomUUID()}`, 403, 403],
  ['PUT', `${otherRunner}/queues/${randomUUID()}/messages/${randomUUID()}/response`, 403, 403],
];

const verdict = (status: number) => (status === 401 || status === 403 ? status : 'ok');

for (const [method, path, forRunner, forAgent] of matrix) {
  test(`${method} ${path.replaceAll(/[0-9a-f-]{36}/g, '…')}: runner ${forRunner}, agent ${forAgent}`, async () => {
    // Without If-Match or body: who may make the call is decided first.
    const status = async (token: string | null) => verdict((await call(method, path, { token })).status);
    assert.equal(await status(null), 401);
    assert.equal(await status('junk'), 401);
    assert.equal(await status(runnerToken), forRunner);
    assert.equal(await status(own.token), forAgent);
  });
}

test('every call without a valid credential is 401 and names the accepted scheme', async () => {
  const status = async (authorization: string, headers = {}) =>
    (await call('GET', tenant, { token: null, headers: { authorization, ...headers } })).status;
  const { tenantToken } = plane.server.admin;
  assert.equal(await status(`apitoken  ${tenantToken}`), 200);
  assert.equal(await status(tenantToken), 401);
  assert.equal(await status(`Bearer ${tenantToken}`), 401);
  assert.equal(await status(`APIToken ${tenantToken.slice(0, -2)}`), 401);
  const { headers, body } = await call('GET', tenant, { token: null });
  assert.equal(headers.get('www-authenticate'), 'APIToken');
  assert.deepEqual([body.ResponseCode, body.ErrorType], [401, 'Unauthorized']);
});

test('a caller with an AWS identity is authenticated by its tenant token', async () => {
  const status = async (delegating?: string) => {
    const headers = { authorization: 'sts:GetCallerIdentity UE9TVA==' };
    const more = delegating === undefined ? {} : { 'X-Event-Horizon-Delegating-Authorization': delegating };
    return (await call('GET', tenant, { token: null, headers: { ...headers, ...more } })).status;
  };
  assert.equal(await status(`APIToken ${plane.server.admin.tenantToken}`), 200);
  assert.equal(await status(), 401);
  assert.equal(await status('APIToken junk'), 401);
  assert.equal(await status(`APIToken ${runnerToken}`), 401);
  assert.equal(await status(`WebUIToken ${plane.server.admin.tenantToken}`), 401);
});

test('after its turn an agent can only learn that the turn is finished', async () => {
  const { token, turn, task } = await startTurn();
  const { Version } = (await call('GET', turn, { token })).body;
  const ended = await call('PATCH', turn, { token, ifMatch: Version, body: { Status: 'Completed' } });
  assert.equal(ended.status, 200);
  const late = await call('PATCH', turn, { token, ifMatch: Version + 1, body: {} });
  assert.deepEqual([late.status, late.body.ErrorType], [409, 'UpdateCompletedTurn']);
  assert.equal((await call('POST', `${turn}/logs`, { token, ifMatch: 1, body: { Index: 0, Logs: [] } })).status, 409);
  assert.equal((await call('GET', turn, { token })).status, 200);
  assert.equal((await call('GET', `${turn}/logs`, { token })).status, 204);
  assert.equal((await call('GET', task, { token })).status, 401);
  assert.equal((await call('PATCH', task, { token, ifMatch: 1, body: {} })).status, 401);
});

test('a waiting poll is aborted when its token is revoked', async () => {
  const tokenPath = `${runner}/tokens/${randomUUID()}`;
  const { Token: token } = (await call('PUT', tokenPath)).body;
  const poll = call('GET', `${fake.path}/messages?maxWaitSeconds=100`, { token });
  await call('GET', fake.path);
  await call('POST', `${tokenPath}/revoke`, { ifMatch: 1 });
  const { status, body } = await poll;
  assert.deepEqual([status, body.ResponseCode], [401, 401]);
});

test('a waiting poll is aborted when its token expires', async () => {
  let now = new Date();
  await using own = await startControlPlane({ clock: { ...systemClock, date: () => now } });
  const token = await own.newToken();
  await using fake = await startFakeRunner({ url: own.server.url, token });
  const { expiresAt } = parseRunnerToken(token);
  assert.ok(expiresAt);
  now = new Date(expiresAt.getTime() - 100);
  const waiting = own.call('GET', `${fake.path}/messages?maxWaitSeconds=100`, { token });
  assert.equal((await waiting).status, 401);
  now = expiresAt;
  assert.equal(
    (await own.call('GET', own.tenant, { token })).body.Message,
    `the token expired at ${expiresAt.toISOString()}; the clock of the server says ${expiresAt.toISOString()}. Create another token: plan42 server token create`,
  );
});

test('a clock that was wrong locks no token out', async () => {
  const year = 365 * 86_400_000;
  for (const error of [5000, 2 * year, -30 * year]) {
    let now = Date.now() + error;
    const date = () => new Date(now);
    await using own = await startControlPlane({ clock: { ...systemClock, date } });
    const status = async (token?: string) => (await own.call('GET', own.tenant, token ? { token } : {})).status;
    const token = await own.newToken();
    assert.deepEqual([await status(), await status(token)], [200, 200]);
    now -= error;
    assert.equal(await status(), 200, 'the token of the tenant');
    assert.equal(await status(token), error > 0 ? 200 : 401, 'a runner token ends at its date, and begins at once');
    assert.equal(await status(await own.newToken()), 200);
    await own.restart();
    assert.equal(await status(), 200);
  }
});

test('a token of another server is called that', async () => {
  await using other = await startControlPlane();
  const { status, body } = await call('GET', tenant, { token: other.server.admin.tenantToken });
  assert.equal(status, 401);
  assert.match(
    body.Message,
    /^the token is not of this server\. Create a token for a runner: plan42 server token create\. /,
  );
});
