/** Handlers that hang on a server that never answers keep no ping waiting: the real queues, dispatch and HTTP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { request } from 'undici';
import { eventually } from '../../test/support/eventually.ts';
import { MessagePlane } from '../../test/support/message-plane.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from '../config/read.ts';
import type { Handler } from '../handlers/handler.ts';
import { handlePing } from '../handlers/ping.ts';
import { silentLogger } from '../lib/logger.ts';
import { Plan42Client } from '../plan42/client.ts';
import { createTransport } from '../plan42/transport.ts';
import { dispatch } from './dispatch.ts';
import { QueueMemory } from './queue-memory.ts';
import { QueuePool } from './queue-pool.ts';
import { Readiness } from './readiness.ts';

const hanging = 300;
const pings = 100;
const maxP99Ms = 100;

test('pings are answered while hundreds of listing messages hang', async (t) => {
  await using dir = await makeTempDir();
  await using plane = await new MessagePlane().listen();
  await using resources = new AsyncDisposableStack();
  const silent = createServer(() => {});
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const slowUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/search/repositories`;

  const transport = createTransport({});
  const stop = new AbortController();
  let waiting = 0;
  const hang: Handler = async (_message, signal) => {
    waiting += 1;
    await request(slowUrl, { dispatcher: transport, signal });
    return { Type: 'PingResponse' };
  };
  const handlers = new Map([
    ['PingRequest', handlePing],
    ['SearchRepoRequest', hang],
  ]);
  const endpoint = { transport, baseUrl: new URL(plane.url), token: plane.token, userAgent: 'test' };
  const client = new Plan42Client(endpoint);
  const { config } = readConfig({ env: {}, flags: new Map() });
  const pool = new QueuePool({
    client,
    tenantId: plane.tenantId,
    runnerId: plane.runnerId,
    settings: { ...config.queues, drainTimeMs: 0 },
    memory: await QueueMemory.open(dir.path),
    readiness: new Readiness(silentLogger),
    logger: silentLogger,
    onMessage: (message, { path: queue, privateKey, pace }) =>
      dispatch(message, { queue, privateKey, pace }, { client, handlers, logger: silentLogger, signal: stop.signal }),
    hurry: new AbortController().signal,
    stop: stop.signal,
  });
  resources.defer(async () => {
    stop.abort();
    await pool.drain();
    await transport.destroy();
    silent.closeAllConnections();
    silent.close();
  });
  await eventually(async () => pool.queues[0]?.phase === 'polling');

  const search = { Type: 'SearchRepoRequest', OrgName: 'o', Search: 's' };
  void plane.deliver(Array.from({ length: hanging }, () => plane.message(search)));
  await eventually(async () => waiting === hanging);
  const latenciesMs: number[] = [];
  for (let i = 0; i < pings; i += 1) {
    const startedAt = performance.now();
    const [answer] = await plane.deliver([plane.message({ Type: 'PingRequest' })]);
    assert.equal(answer?.['Type'], 'PingResponse');
    latenciesMs.push(performance.now() - startedAt);
  }
  const p99Ms = latenciesMs.toSorted((a, b) => a - b)[Math.floor(pings * 0.99) - 1] ?? Number.POSITIVE_INFINITY;
  t.diagnostic(`${hanging} messages hang, ${pings} pings: p99 ${p99Ms.toFixed(1)} ms`);
  assert.ok(p99Ms < maxP99Ms, `p99 ${p99Ms} ms`);
  assert.ok(pool.inFlight >= hanging, 'they hang still');
});
