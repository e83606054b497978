import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startRelay } from '../../../../test/support/kubernetes/relay.ts';
import { startProxy } from '../../../../test/support/proxy.ts';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import { connect } from './connect.ts';

const timing = { pingMs: 50, maxSilentPings: 3 };

/** An API server behind a relay. It sends the first line of a log, and then nothing; `/hang` has no response. */
async function setUp(t: TestContext, version: '1.1' | '2', { pings = timing, isProxied = false } = {}) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const versions: string[] = [];
  const respond = (request: Http2ServerRequest, response: Http2ServerResponse) => {
    versions.push(request.httpVersion);
    if (request.url === '/hang') return;
    if (request.url.startsWith('/log')) response.write('line 1\n');
    else response.end('{}');
  };
  const server: Server =
    version === '2'
      ? createSecureServer({ ...tlsPair, allowHTTP1: true }, respond)
      : createServer(tlsPair, respond as never);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  const relay = stack.use(await startRelay((server.address() as AddressInfo).port));
  const folder = await mkdtemp(join(tmpdir(), 'kube-connections-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'config');
  const proxy = stack.use(await startProxy(relay.port));
  const cluster = {
    ...(isProxied
      ? { server: 'https://localhost:1', 'proxy-url': proxy.url }
      : { server: `https://127.0.0.1:${relay.port}` }),
    'certificate-authority-data': Buffer.from(tlsPair.cert).toString('base64'),
  };
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const api = await connect({ kubeconfig }, {}, pings);
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  /** A log, whose first line has arrived. */
  async function follow() {
    const stream = await api.stream('/log', { signal: stop.signal });
    const iterator = stream[Symbol.asyncIterator]();
    assert.equal(Buffer.from((await iterator.next()).value).toString(), 'line 1\n');
    return { next: iterator.next() };
  }
  return { api, relay, versions, follow };
}

test('with HTTP/2, many logs share few connections', async (t) => {
  const { api, relay, versions, follow } = await setUp(t, '2');
  const logs = await Promise.all(Array.from({ length: 150 }, follow));
  for (const { next } of logs) next.catch(() => {});
  await api.request('GET', '/x');
  assert.deepEqual(new Set(versions), new Set(['2.0']));
  assert.ok(relay.opened() <= 3, `${relay.opened()} connections`);
});

test('with HTTP/1.1, each log has a connection', async (t) => {
  const { api, relay, versions, follow } = await setUp(t, '1.1');
  const logs = await Promise.all([follow(), follow(), follow()]);
  for (const { next } of logs) next.catch(() => {});
  await api.request('GET', '/x');
  assert.deepEqual(new Set(versions), new Set(['1.1']));
  assert.equal(relay.opened(), 4);
});

for (const isProxied of [false, true]) {
  const where = isProxied ? 'through a proxy' : 'without a proxy';
  test(`a shared connection that swallows everything is ended, and the next request has another one, ${where}`, async (t) => {
    const { api, relay, follow } = await setUp(t, '2', { isProxied });
    const logs = await Promise.all([follow(), follow()]);
    relay.swallow();
    const results = await Promise.allSettled(logs.map(({ next }) => next));
    for (const result of results) {
      assert.equal(result.status, 'rejected');
      assert.match(String(result.reason), /nothing arrived from the API server for 0\.15 s/);
    }
    assert.deepEqual(await api.request('GET', '/x'), {});
    assert.equal(relay.opened(), 2);
  });
}

test('a log that is silent keeps its connection', async (t) => {
  const { api, relay, follow } = await setUp(t, '2');
  const { next } = await follow();
  next.catch(() => {});
  await delay(timing.pingMs * timing.maxSilentPings * 3);
  assert.equal(await Promise.race([next, delay(0, 'silent')]), 'silent');
  await api.request('GET', '/x');
  assert.equal(relay.opened(), 1);
});

test('after a request without a response, the next one has another connection', async (t) => {
  const { api, relay } = await setUp(t, '2', { pings: { pingMs: 60_000, maxSilentPings: 3 } });
  await api.request('GET', '/x');
  relay.swallow();
  await assert.rejects(api.request('GET', '/x', { timeoutMs: 200 }), /no response from https:.* within 0\.2 s/);
  assert.deepEqual(await api.request('GET', '/x'), {});
  assert.equal(relay.opened(), 2);
});

test('a request without a response leaves the logs that share its connection alone', async (t) => {
  const { api, relay, follow } = await setUp(t, '2');
  const { next } = await follow();
  next.catch(() => {});
  await assert.rejects(api.request('GET', '/hang', { timeoutMs: 200 }), /no response/);
  // Longer than the client waits for the response to its check.
  await delay(1500);
  assert.equal(await Promise.race([next, delay(0, 'silent')]), 'silent');
  assert.equal(relay.opened(), 1);
});
