import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FakeQueueClient, outage } from '../../../test/support/fake-queue-client.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import { TestClock } from '../../../test/support/test-clock.ts';
import { parseConfig } from '../../config/parse.ts';
import { silentLogger } from '../../lib/logger.ts';
import { RunnerHealth } from '../health.ts';
import { QueuePool } from './queue-pool.ts';
import { QueueRegistry } from './queue-registry.ts';

const minute = 60_000;
const { config } = parseConfig({ file: '', env: {}, flags: new Map() });

let dir: TempDir;
let registry: QueueRegistry;
let clock: TestClock;
let client: FakeQueueClient;
let force: AbortController;
let abort: AbortController;
let pool: QueuePool;
/** Whether each poll returns ten messages. */
let isBusy: boolean;

beforeEach(async () => {
  dir = await makeTempDir();
  registry = await QueueRegistry.open(dir.path, { tenantId: 't', runnerId: 'r', url: new URL('https://server.test') });
  clock = new TestClock();
  client = new FakeQueueClient(clock);
  force = new AbortController();
  abort = new AbortController();
  isBusy = false;
  pool = new QueuePool({
    client,
    tenantId: 't',
    runnerId: 'r',
    features: new Set(),
    slotHeaders: () => ({}),
    settings: { ...config.queues, maxQueues: 4, scaleUpAfterMs: 10_000, scaleDownAfterMs: 20_000 },
    registry,
    health: new RunnerHealth(silentLogger),
    logger: silentLogger,
    // Handling takes a second, so that a busy queue does not poll in a tight loop.
    onMessage: () => clock.sleep(1000, abort.signal).catch(() => {}),
    force: force.signal,
    abort: abort.signal,
    clock,
  });
});

afterEach(async () => {
  abort.abort();
  await pool.drain();
  await registry.settled();
  assert.equal(clock.sleeping, 0, 'a timer is left');
  assert.equal(client.polling, 0, 'a poll is left');
  await dir[Symbol.asyncDispose]();
});

async function run(ms: number): Promise<void> {
  for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 1000) {
    if (isBusy)
      for (const queue of client.queues.values()) queue.messages.push(...Array.from({ length: 10 }, () => 'm'));
    await clock.advance(1000);
  }
}

const phases = () => pool.queues.map(({ phase }) => phase);
async function registered(): Promise<string[]> {
  await registry.settled();
  return readdir(join(dir.path, 'queues'));
}

test('starts with one queue, which is in the registry until it has drained', async () => {
  await clock.advance(100);
  assert.deepEqual(phases(), ['polling']);
  assert.deepEqual(await registered(), [...client.queues.keys()]);
  const drained = pool.drain();
  await clock.advance(3 * minute);
  await drained;
  assert.deepEqual(pool.queues, []);
  assert.equal(client.queues.size, 0);
  assert.deepEqual(await registered(), []);
});

test('replaces a queue that the server has deleted', async () => {
  await clock.advance(100);
  const [old] = pool.queues;
  client.queues.clear();
  await clock.advance(minute);
  assert.deepEqual(phases(), ['polling']);
  assert.notEqual(pool.queues[0]?.id, old?.id);
  assert.deepEqual(await registered(), [...client.queues.keys()]);
});

test('backs off while the server forgets each new queue', async () => {
  client.fails = (method, queueId) => {
    if (method === 'getMessages') client.queues.delete(queueId);
    return undefined;
  };
  await clock.advance(10 * minute);
  const { length } = client.callsOf('registerQueue');
  assert.ok(length > 3 && length < 100, `${length} registrations in ten minutes`);
});

test('adds queues up to the limit under load, and removes them when idle', async () => {
  isBusy = true;
  await run(2 * minute);
  assert.equal(pool.queues.length, 4);
  isBusy = false;
  await run(8 * minute);
  assert.equal(pool.queues.length, 1);
  assert.equal(client.queues.size, 1, 'removed queues are deleted on the server');
  assert.deepEqual(await registered(), [...client.queues.keys()]);
});

test('does not scale or replace queues while draining', async () => {
  isBusy = true;
  await clock.advance(100);
  const drained = pool.drain();
  client.queues.clear();
  await run(5 * minute);
  await drained;
  assert.equal(client.callsOf('registerQueue').length, 1);
});

test('reports an outage only if no queue works', async () => {
  await clock.advance(100);
  assert.equal(pool.outageSince, undefined);
  client.fails = () => outage;
  await clock.advance(minute);
  assert.ok((pool.outageSince ?? 0) > 0);
  client.fails = () => undefined;
  pool.retryNow();
  // The call limiter delays a call that follows a failed one by less than a second.
  await clock.advance(1000);
  assert.equal(pool.outageSince, undefined);
});

test('keeps aborted queues in the registry, for the next run', async () => {
  await clock.advance(100);
  const [queue] = pool.queues;
  abort.abort();
  await pool.drain();
  assert.deepEqual(await registered(), [queue?.id]);
});
