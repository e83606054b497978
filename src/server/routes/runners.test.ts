import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;

async function newRunner(fields = {}): Promise<string> {
  const path = `${plane.tenant}/runners/${randomUUID()}`;
  const body = { Name: 'r', IsCloud: false, RunsTasks: true, ProxiesGithub: false, ...fields };
  assert.equal((await call('PUT', path, { body })).status, 201);
  return path;
}

test('runners are created, changed, deleted and undeleted', async () => {
  const path = await newRunner({ Description: 'd' });
  const { body } = await call('GET', path);
  assert.deepEqual([body.Name, body.Description, body.RunsTasks, body.ProxiesGithub], ['r', 'd', true, false]);
  assert.equal((await call('PUT', path, { body: { Name: 'x' } })).body.CurrentType, 'Runner');
  assert.equal((await call('PUT', `runners/${randomUUID()}`, { body: {} })).status, 400);
  const changed = await call('PATCH', path, { ifMatch: 1, body: { ProxiesGithub: true } });
  assert.deepEqual([changed.body.ProxiesGithub, changed.body.Name], [true, 'r']);
  assert.equal((await call('DELETE', path, { ifMatch: 1 })).status, 409);
  assert.equal((await call('DELETE', path, { ifMatch: 2 })).status, 204);
  assert.equal((await call('GET', path)).status, 404);
  assert.equal((await call('PATCH', path, { ifMatch: 3, body: { Deleted: false } })).body.Version, 4);
});

test('runners are filtered by their abilities', async () => {
  await using own = await startControlPlane();
  const put = (fields: object) => own.call('PUT', `runners/${randomUUID()}`, { body: { Name: 'r', ...fields } });
  await put({ RunsTasks: true });
  await put({ ProxiesGithub: true });
  const count = async (query: string) => (await own.call('GET', `runners?${query}`)).body.Items.length;
  assert.equal(await count(''), 3);
  assert.equal(await count('runsTasks=true'), 2);
  assert.equal(await count('runsTasks=false'), 1);
  assert.equal(await count('runsTasks=true&proxiesGithub=true'), 1);
});

test('a token is returned once and valid immediately', async () => {
  const path = await newRunner();
  const id = randomUUID();
  const made = await call('PUT', `${path}/tokens/${id}`, { body: { TTLDays: 1 } });
  assert.equal(made.status, 201);
  const { Token, ...metadata } = made.body;
  assert.match(Token, /^p42r_/);
  assert.deepEqual((await call('GET', `${path}/tokens/${id}`)).body, metadata);
  assert.deepEqual(
    [metadata.TokenID, metadata.Revoked, metadata.Version, 'UpdatedAt' in metadata],
    [id, false, 1, false],
  );
  assert.equal(Date.parse(metadata.ExpiresAt) - Date.parse(metadata.CreatedAt), 86_400_000);
  assert.equal((await call('GET', plane.tenant, { token: Token })).status, 200);
  const byDefault = await call('PUT', `${path}/tokens/${randomUUID()}`);
  assert.equal(Date.parse(byDefault.body.ExpiresAt) - Date.parse(byDefault.body.CreatedAt), 90 * 86_400_000);
  for (const TTLDays of [0, 366, 1.5]) {
    assert.equal((await call('PUT', `${path}/tokens/${randomUUID()}`, { body: { TTLDays } })).status, 400);
  }
});

test('conflicts of tokens have no current object', async () => {
  const path = `${await newRunner()}/tokens/${randomUUID()}`;
  await call('PUT', path);
  for (const conflict of [await call('PUT', path), await call('POST', `${path}/revoke`, { ifMatch: 9 })]) {
    assert.equal(conflict.status, 409);
    assert.deepEqual(Object.keys(conflict.body), ['ResponseCode', 'Message', 'ErrorType']);
  }
});

test('a revoked token is rejected immediately, and can still be read', async () => {
  const runner = await newRunner();
  const path = `${runner}/tokens/${randomUUID()}`;
  const { Token: token } = (await call('PUT', path)).body;
  assert.equal((await call('POST', `${path}/revoke`)).status, 400);
  assert.equal((await call('POST', `${path}/revoke`, { ifMatch: 1 })).status, 204);
  assert.equal((await call('POST', `${path}/revoke`, { ifMatch: 1 })).status, 204);
  assert.equal((await call('GET', plane.tenant, { token })).status, 401);
  assert.equal((await call('GET', path)).status, 404);
  const { body } = await call('GET', `${path}?includeDeleted=true`);
  assert.deepEqual([body.Revoked, body.Version, typeof body.RevokedAt], [true, 2, 'string']);
  assert.deepEqual((await call('GET', `${runner}/tokens`)).body.Items, []);
  assert.equal((await call('GET', `${runner}/tokens?includeRevoked=true`)).body.Items.length, 1);
});

test('tokens are paged with nextPageToken', async () => {
  const runner = await newRunner();
  for (let i = 0; i < 3; i += 1) await call('PUT', `${runner}/tokens/${randomUUID()}`);
  const first = (await call('GET', `${runner}/tokens?maxResults=2`)).body;
  const second = (await call('GET', `${runner}/tokens?maxResults=2&nextPageToken=${first.NextToken}`)).body;
  assert.deepEqual([first.Items.length, second.Items.length, second.NextToken], [2, 1, undefined]);
});

test('the tokens of a deleted runner are rejected until it is undeleted', async () => {
  const runner = await newRunner();
  const token = await plane.newToken(runner);
  await call('DELETE', runner, { ifMatch: 1 });
  assert.equal((await call('GET', plane.tenant, { token })).status, 401);
  await call('PATCH', runner, { ifMatch: 2, body: { Deleted: false } });
  assert.equal((await call('GET', plane.tenant, { token })).status, 200);
});
