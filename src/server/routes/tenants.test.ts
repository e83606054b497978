import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { call, tenant } = plane;

test('the first start creates a tenant', async () => {
  const { status, body } = await call('GET', tenant);
  assert.equal(status, 200);
  assert.equal(body.TenantId, plane.server.admin.tenantId);
  assert.equal(body.Type, 'User');
  assert.equal(body.DefaultRunnerID, plane.server.admin.runnerId);
  assert.equal('Email' in body, false);
  assert.deepEqual((await call('GET', '/v1/current-user')).body, body);
  assert.deepEqual((await call('GET', '/v1/tenants')).body, { Items: [body] });
});

test('there is only one tenant', async () => {
  const existing = await call('PUT', tenant, { body: { Type: 'User' } });
  assert.deepEqual([existing.status, existing.body.CurrentType], [409, 'Tenant']);
  assert.equal((await call('PUT', `/v1/tenants/${randomUUID()}`, { body: { Type: 'User' } })).status, 403);
  assert.equal((await call('PUT', tenant, { body: { Type: 'Robot' } })).status, 400);
});

test('defaults are set, checked and cleared', async () => {
  const { body: before } = await call('GET', tenant);
  const patch = (body: object, ifMatch = before.Version) => call('PATCH', tenant, { body, ifMatch });
  assert.equal((await patch({ DefaultRunnerID: randomUUID() })).status, 400);
  assert.equal((await patch({ DefaultGithubConnectionID: randomUUID() })).status, 400);
  const cleared = await patch({ DefaultRunnerID: '' });
  assert.deepEqual(
    [cleared.status, cleared.body.DefaultRunnerID, cleared.body.Version],
    [200, undefined, before.Version + 1],
  );
  const stale = await patch({});
  assert.deepEqual([stale.status, stale.body.CurrentType, stale.body.Current], [409, 'Tenant', cleared.body]);
  const again = await patch({ defaultRunnerId: before.DefaultRunnerID.toUpperCase() }, cleared.body.Version);
  assert.equal(again.body.DefaultRunnerID, before.DefaultRunnerID);
});
