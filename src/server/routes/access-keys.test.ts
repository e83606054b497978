import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { startFakeRunner } from '../../../test/support/fake-runner.ts';
import { p42Ctl } from '../../../test/support/sigv4/p42-ctl.ts';
import { systemClock } from '../../lib/clock.ts';

const read = { method: 'GET', path: '/v1/tenants' };

test('a key is created, listed with its last use, and revoked at once', async () => {
  let now = new Date();
  await using plane = await startControlPlane({ clock: { ...systemClock, date: () => now } });
  const { call } = plane;
  const { status, body } = await call('POST', 'access-keys', { body: { Name: 'laptop' } });
  assert.equal(status, 201);
  assert.match(body.AccessKeyID, /^P42K[A-Z2-9]{16}$/);
  assert.match(body.SecretAccessKey, /^p42s_[\w-]{43}$/);
  const list = async (query = '') => (await call('GET', `access-keys${query}`)).body.Items;
  assert.deepEqual(
    (await list()).map(({ Name, LastUsedAt, SecretAccessKey }: Record<string, string>) => [
      Name,
      LastUsedAt,
      SecretAccessKey,
    ]),
    [['laptop', undefined, undefined]],
  );
  const options = { url: plane.server.url, accessKeyId: body.AccessKeyID, secretAccessKey: body.SecretAccessKey };
  const use = async () => {
    assert.equal((await p42Ctl({ ...options, date: now }, read)).status, 200);
    return (await list())[0].LastUsedAt;
  };
  const first = await use();
  assert.equal(first, now.toISOString());
  now = new Date(now.getTime() + 59_000);
  assert.equal(await use(), first, 'to the minute');
  now = new Date(now.getTime() + 2000);
  assert.equal(await use(), now.toISOString());

  const revoke = `access-keys/${body.AccessKeyID}/revoke`;
  const waiting = p42Ctl(
    { ...options, date: now },
    { method: 'GET', path: `${(await startQueue(plane)).path}/messages?maxWaitSeconds=100` },
  );
  await use();
  assert.equal((await call('POST', revoke)).status, 204);
  assert.equal((await waiting).status, 401);
  assert.equal(
    (await p42Ctl({ ...options, date: now }, read)).body.Message,
    'the access key was revoked. Create another one: plan42 server access-key create',
  );
  assert.equal((await call('POST', revoke)).status, 204);
  assert.deepEqual(await list(), []);
  const [revoked] = await list('?includeRevoked=true');
  assert.deepEqual([revoked.Revoked, revoked.RevokedAt], [true, now.toISOString()]);
  assert.equal((await call('POST', 'access-keys/P42KAAAA/revoke')).status, 404);
});

/** A queue that nothing polls. */
async function startQueue(plane: Awaited<ReturnType<typeof startControlPlane>>) {
  const runner = await startFakeRunner({ url: plane.server.url, token: await plane.newToken() });
  await runner[Symbol.asyncDispose]();
  return runner;
}

test('keys survive a restart, and no file has a secret', async () => {
  await using plane = await startControlPlane();
  const { body } = await plane.call('POST', 'access-keys');
  await plane.restart();
  const options = { url: plane.server.url, accessKeyId: body.AccessKeyID, secretAccessKey: body.SecretAccessKey };
  assert.equal((await p42Ctl(options, read)).status, 200);
  const found = promisify(execFile)('grep', ['-rlaF', body.SecretAccessKey, plane.dataDir]);
  await assert.rejects(found, (error: { code: number; stdout: string }) => error.code === 1 && error.stdout === '');
});

test('runners and agents may not have keys', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  assert.equal((await plane.call('POST', 'access-keys', { token })).status, 403);
  assert.equal((await plane.call('GET', 'access-keys', { token })).status, 403);
});
