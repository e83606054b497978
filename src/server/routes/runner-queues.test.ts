import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';
import { FakeRunner } from '../../../test/support/fake-runner.ts';
import { encrypt, generateKeyPair, parsePublicKey, publicKeyPem } from '../../plan42/ecies.ts';
import { serverFeatures } from '../../plan42/features.ts';

const plane = await startControlPlane({ timing: { healthCheckTimeoutMs: 300 } });
after(() => plane[Symbol.asyncDispose]());
const { call } = plane;
const token = await plane.newToken();
const newQueue = () => new FakeRunner({ url: plane.server.url, token });

test('a queue is registered, read, changed and deleted by its runner', async () => {
  await using runner = newQueue();
  const as = (method: string, options = {}) => call(method, runner.path, { token, ...options });
  const PublicKey = publicKeyPem(runner.keys.publicKey);
  const made = await as('PUT', { body: { PublicKey } });
  assert.equal(made.status, 201);
  const { Features, ...queue } = made.body;
  assert.deepEqual(Features, serverFeatures);
  const { CreatedAt, UpdatedAt, ...rest } = queue;
  assert.deepEqual(rest, {
    TenantID: runner.queue.tenantId,
    RunnerID: runner.queue.runnerId,
    QueueID: runner.queue.queueId,
    PublicKey,
    IsHealthy: true,
    Draining: false,
    NConsecutiveFailedHealthChecks: 0,
    NConsecutiveSuccessfulHealthChecks: 0,
    LastHealthCheckAt: '0001-01-01T00:00:00Z',
    Version: 1,
  });
  assert.equal(CreatedAt, UpdatedAt);
  assert.deepEqual((await as('GET')).body, queue);
  const again = await as('PUT', { body: { PublicKey } });
  assert.deepEqual([again.status, again.body.CurrentType, again.body.Current], [409, 'RunnerQueue', queue]);
  assert.equal((await as('PATCH', { ifMatch: 1, body: { Draining: true } })).status, 400);
  const drained = await as('PATCH', { ifMatch: 1, body: { Draining: true, IsHealthy: false } });
  assert.deepEqual(
    [drained.status, drained.body.Draining, drained.body.IsHealthy, drained.body.Version],
    [200, true, false, 2],
  );
  const stale = await as('DELETE', { ifMatch: 1 });
  assert.deepEqual([stale.body.CurrentType, stale.body.Current.Version], ['RunnerQueue', 2]);
  assert.equal((await as('DELETE', { ifMatch: 2 })).status, 204);
  for (const path of [runner.path, `${runner.path}/messages`]) {
    const gone = await call('GET', path, { token });
    assert.deepEqual([gone.status, gone.body.ResponseCode], [404, 404]);
  }
});

test('a public key is accepted once, in whatever encoding', async () => {
  await using runner = newQueue();
  await runner.register();
  const PublicKey = publicKeyPem(runner.keys.publicKey);
  const register = (key: unknown) =>
    call('PUT', `${plane.runner}/queues/${randomUUID()}`, { token, body: { PublicKey: key } });
  const reused = await register(`${PublicKey}\n`);
  assert.deepEqual([reused.status, reused.body.CurrentType], [409, undefined]);
  await call('DELETE', runner.path, { token, ifMatch: 1 });
  assert.equal((await register(PublicKey)).status, 409);
  for (const bad of [undefined, '', 'junk', 7, PublicKey.replace('M', 'N')])
    assert.equal((await register(bad)).status, 400);
});

test('a poll returns as soon as there is a message', async () => {
  await using runner = newQueue();
  await runner.register();
  assert.deepEqual((await call('GET', `${runner.path}/messages`, { token })).body, { Messages: [] });
  const poll = runner.receive(10_000);
  const ping = call('POST', `${runner.path}/ping`);
  const [message] = await poll;
  assert.ok(message);
  assert.deepEqual(runner.read(message), { Type: 'PingRequest' });
  await runner.write(message, { Type: 'PingResponse' });
  assert.equal((await ping).status, 204);
  for (const seconds of ['-1', '121', 'x']) {
    assert.equal((await call('GET', `${runner.path}/messages?maxWaitSeconds=${seconds}`, { token })).status, 400);
  }
});

test('messages are delivered once, at most ten in a poll', async () => {
  await using runner = newQueue();
  await runner.register();
  const pings = Array.from({ length: 12 }, () => call('POST', `${runner.path}/ping`));
  const ids: string[] = [];
  while (ids.length < 12) {
    const batches = await Promise.all([runner.receive(0), runner.receive(0)]);
    for (const batch of batches) assert.ok(batch.length <= 10);
    ids.push(...batches.flat().map((message) => message.MessageID));
  }
  assert.equal(new Set(ids).size, 12);
  assert.deepEqual(await runner.receive(0), []);
  assert.deepEqual(new Set((await Promise.all(pings)).map(({ status }) => status)), new Set([504]));
});

test('a poll of a disconnected client takes no message', async () => {
  await using runner = newQueue();
  await runner.register();
  const gone = new AbortController();
  const poll = runner.receive(10_000, gone.signal);
  const noticed = plane.logged('request', `${runner.path}/messages`, 'status=gone');
  // The server has the poll when it has answered a later call on the same queue.
  await call('GET', runner.path, { token });
  gone.abort();
  await assert.rejects(poll);
  await noticed;
  const ping = call('POST', `${runner.path}/ping`);
  const [message] = await runner.receive(10_000);
  assert.ok(message);
  await runner.write(message, { Type: 'PingResponse' });
  assert.equal((await ping).status, 204);
});

test('the message of a disconnected caller is withdrawn', async () => {
  await using runner = newQueue();
  await runner.register();
  assert.equal((await call('POST', `${runner.path}/ping`)).status, 504);
  assert.deepEqual(await runner.receive(0), []);
});

test('a response is accepted once, from the right queue, for the right caller', async () => {
  await using runner = newQueue();
  await using other = newQueue();
  await Promise.all([runner.register(), other.register()]);
  const ping = call('POST', `${runner.path}/ping`);
  const [message] = await runner.receive(10_000);
  assert.ok(message);
  const Payload = encrypt(Buffer.from('{"Type":"PingResponse"}'), parsePublicKey(message.CallerPublicKey));
  const answer = async (path: string, messageId: string, body: object) =>
    (await call('PUT', `${path}/messages/${messageId}/response`, { token, body })).status;
  const good = { CallerID: message.CallerID, Payload };
  assert.equal(await answer(runner.path, randomUUID(), good), 404);
  assert.equal(await answer(runner.path, message.MessageID, { ...good, CallerID: randomUUID() }), 404);
  assert.equal(await answer(other.path, message.MessageID, good), 404);
  assert.equal(await answer(runner.path, message.MessageID, { CallerID: message.CallerID }), 400);
  assert.equal(await answer(runner.path, message.MessageID, good), 204);
  assert.equal(await answer(runner.path, message.MessageID, good), 404);
  assert.equal((await ping).status, 204);
});

test('an unreadable response is an error for the caller only', async () => {
  await using runner = newQueue();
  await runner.register();
  const ping = call('POST', `${runner.path}/ping`);
  const [message] = await runner.receive(10_000);
  assert.ok(message);
  const payload = encrypt(Buffer.from('{}'), generateKeyPair().publicKey);
  await runner.client.writeResponse(
    runner.queue,
    { messageId: message.MessageID, callerId: message.CallerID },
    payload,
  );
  assert.equal((await ping).status, 502);
});

test('polls of a deleted queue end with 404', async () => {
  await using runner = newQueue();
  await runner.register();
  const poll = call('GET', `${runner.path}/messages?maxWaitSeconds=100`, { token });
  await call('GET', runner.path);
  await call('DELETE', runner.path, { ifMatch: 1 });
  const { status, body } = await poll;
  assert.deepEqual([status, body.ResponseCode], [404, 404]);
});

test('queues are listed with filters', async () => {
  await using own = await startControlPlane();
  const ownToken = await own.newToken();
  const queues = Array.from({ length: 3 }, () => new FakeRunner({ url: own.server.url, token: ownToken }));
  await using disposal = new AsyncDisposableStack();
  for (const queue of queues) await disposal.use(queue).register();
  await own.call('PATCH', queues[0]?.path ?? '', { ifMatch: 1, body: { Draining: true, IsHealthy: false } });
  const { tenantId, runnerId } = own.server.admin;
  const list = (query: string, token = own.server.admin.tenantToken) =>
    own.call('GET', `/v1/runner-queues?${query}`, { token });
  const count = async (query: string) => (await list(query)).body.Items?.length;
  assert.equal(await count(''), 3);
  assert.equal(await count('includeHealthy=true'), 2);
  assert.equal(await count('includeDrained=true'), 1);
  assert.equal(await count(`tenantID=${tenantId}&runnerID=${runnerId}`), 3);
  const sorted = queues.map(({ queue }) => queue.queueId).toSorted();
  assert.equal(await count(`minQueueID=${sorted[0]}&maxQueueID=${sorted[2]}`), 2);
  const page = (await list('maxResults=2')).body;
  assert.equal(await count(`maxResults=2&token=${page.NextToken}`), 1);
  assert.equal((await list(`tenantID=${tenantId}`)).status, 400);
  assert.equal((await list(`tenantID=${randomUUID()}&runnerID=${runnerId}`)).status, 403);
  assert.equal((await list('', ownToken)).status, 403);
  assert.equal((await list(`tenantID=${tenantId}&runnerID=${randomUUID()}`, ownToken)).status, 403);
  assert.equal((await list(`tenantID=${tenantId}&runnerID=${runnerId}`, ownToken)).status, 200);
});
