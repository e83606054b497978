import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { apiError, FakeQueueClient, outage } from '../../../test/support/fake-queue-client.ts';
import { TestClock } from '../../../test/support/test-clock.ts';
import { parseConfig } from '../../config/parse.ts';
import { silentLogger } from '../../lib/logger.ts';
import { RunnerHealth } from '../health.ts';
import { Queue } from './queue.ts';

const minute = 60_000;
const { config } = parseConfig({ file: '', env: {}, flags: new Map() });

let clock: TestClock;
let client: FakeQueueClient;
let health: RunnerHealth;
let force: AbortController;
let abort: AbortController;
let lost: number;
let handled: unknown[];
/** Handlers resolve with it. */
let handling: Promise<void>;
let handle: () => Promise<void>;

beforeEach(() => {
  clock = new TestClock();
  client = new FakeQueueClient(clock);
  health = new RunnerHealth(silentLogger);
  force = new AbortController();
  abort = new AbortController();
  lost = 0;
  handled = [];
  handling = Promise.resolve();
  handle = () => handling;
});

function startQueue(registerAfterMs = 0): Queue {
  return new Queue({
    client,
    tenantId: 't',
    runnerId: 'r',
    features: new Set(),
    slotHeaders: () => ({}),
    settings: config.queues,
    health,
    logger: silentLogger,
    onMessage: (message) => {
      handled.push(message);
      return handle();
    },
    onPoll: () => {},
    onLost: () => {
      lost += 1;
    },
    registerAfterMs,
    force: force.signal,
    abort: abort.signal,
    clock,
  });
}

async function startPolling(): Promise<Queue> {
  const queue = startQueue();
  await clock.advance(100);
  assert.equal(queue.phase, 'polling');
  return queue;
}

/** Nothing may be left that could wake up later. */
function assertNothingLeft(): void {
  assert.equal(clock.sleeping, 0, 'a timer is left');
  assert.equal(client.polling, 0, 'a poll is left');
  assert.equal(health.troubles.length, 0);
}

function deliver(queue: Queue, ...messages: unknown[]): void {
  client.queues.get(queue.id)?.messages.push(...messages);
}

test('registers, polls and is deleted when it has drained', async () => {
  const queue = startQueue();
  assert.equal(queue.phase, 'registering');
  await clock.advance(100);
  assert.equal(queue.phase, 'polling');
  deliver(queue, 'one', 'two');
  await clock.advance(minute);
  assert.deepEqual(handled, ['one', 'two']);
  assert.equal(health.state.phase, 'ready');
  queue.drain();
  await clock.advance(3 * minute);
  assert.equal(await queue.ended, 'drained');
  assert.equal(queue.phase, 'gone');
  assert.equal(client.queues.size, 0);
  assertNothingLeft();
});

test('sends the responses before the next poll', async () => {
  const queue = await startPolling();
  const order: string[] = [];
  handle = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
    order.push('response');
  };
  const { getMessages } = client;
  client.getMessages = (...args) => {
    order.push('poll');
    return getMessages(...args);
  };
  deliver(queue, 'one');
  await clock.advance(minute);
  await clock.advance(0);
  assert.deepEqual(order.slice(0, 2), ['response', 'poll']);
  abort.abort();
  assert.equal(await queue.ended, 'aborted');
});

test('registers after the delay', async () => {
  const queue = startQueue(5000);
  await clock.advance(4900);
  assert.deepEqual(client.calls, []);
  await clock.advance(200);
  assert.equal(queue.phase, 'polling');
  abort.abort();
  assert.equal(await queue.ended, 'aborted');
  assertNothingLeft();
});

test('retries the registration until it succeeds, and treats a conflict as success', async () => {
  let failures: Error[] = [outage, apiError(503), apiError(409)];
  client.fails = (method, queueId) => {
    if (method !== 'registerQueue') return undefined;
    const [failure, ...rest] = failures;
    failures = rest;
    // The last attempt before the conflict got through.
    if (rest.length === 0) client.queues.set(queueId, { version: 1, isDraining: false, messages: [] });
    return failure;
  };
  const queue = startQueue();
  await clock.advance(minute);
  assert.equal(queue.phase, 'polling');
  assert.equal(client.callsOf('registerQueue').length, 3);
  abort.abort();
  await queue.ended;
  assertNothingLeft();
});

test('is never registered if it is drained before', async () => {
  client.fails = () => outage;
  const queue = startQueue();
  await clock.advance(1000);
  queue.drain();
  await clock.advance(1000);
  assert.equal(await queue.ended, 'drained');
  assert.deepEqual(client.callsOf('deleteQueue'), []);
  assertNothingLeft();
});

test('is lost when the server has deleted it, and finishes its messages', async () => {
  const queue = await startPolling();
  const { promise, resolve } = Promise.withResolvers<void>();
  handling = promise;
  deliver(queue, 'one');
  await clock.advance(minute);
  client.queues.clear();
  await clock.advance(minute);
  assert.equal(lost, 1);
  assert.equal(queue.phase, 'gone');
  assert.equal(queue.inFlight, 1);
  resolve();
  assert.equal(await queue.ended, 'lost');
  assert.deepEqual(client.callsOf('deleteQueue'), []);
  assertNothingLeft();
});

test('survives a proxy’s 404, unless it lasts for a minute', async () => {
  const queue = await startPolling();
  const foreign = Object.assign(apiError(404), { isFromApi: false });
  client.fails = () => foreign;
  await clock.advance(50_000);
  assert.equal(queue.phase, 'polling');
  client.fails = () => undefined;
  await clock.advance(2 * minute);
  assert.equal(queue.phase, 'polling');
  client.fails = () => foreign;
  await clock.advance(5 * minute);
  assert.equal(await queue.ended, 'lost');
  assertNothingLeft();
});

test('reports an outage, limits its calls and recovers', async () => {
  const queue = await startPolling();
  client.fails = () => outage;
  await clock.advance(minute);
  assert.equal(health.state.phase, 'degraded');
  const { length } = client.callsOf('getMessages');
  await clock.advance(10 * minute);
  assert.ok(client.callsOf('getMessages').length - length < 200, 'calls are rare');
  client.fails = () => undefined;
  queue.retryNow();
  await clock.advance(1);
  assert.equal(health.state.phase, 'ready');
  assert.equal(queue.limiter.outageSince, undefined);
  abort.abort();
  await queue.ended;
  assertNothingLeft();
});

test('leaves the queue on the server if the token is rejected while draining', async () => {
  const queue = await startPolling();
  client.fails = () => apiError(401);
  queue.drain();
  await clock.advance(3 * minute);
  assert.equal(await queue.ended, 'aborted');
  assert.equal(client.queues.size, 1);
  assertNothingLeft();
});

test('marks itself as draining with the version that a conflict reports', async () => {
  const queue = await startPolling();
  const onServer = client.queues.get(queue.id);
  assert.ok(onServer);
  client.fails = (method) => {
    // The server changes the queue between the two calls.
    if (method === 'updateQueue' && onServer.version === 1) onServer.version = 2;
    return undefined;
  };
  queue.drain();
  await clock.advance(10_000);
  assert.equal(onServer.isDraining, true);
  assert.equal(client.callsOf('getQueue').length, 1);
  assert.equal(client.callsOf('updateQueue').length, 2);
  abort.abort();
  await queue.ended;
});

test('gives up deleting after five attempts', async () => {
  const queue = await startPolling();
  client.fails = (method) => (method === 'deleteQueue' ? apiError(500) : undefined);
  queue.drain();
  await clock.advance(5 * minute);
  assert.equal(await queue.ended, 'drained');
  assert.equal(client.callsOf('deleteQueue').length, 5);
  assertNothingLeft();
});

test('a forced drain finishes messages in flight and polls no more', async () => {
  const queue = await startPolling();
  const { promise, resolve } = Promise.withResolvers<void>();
  handling = promise;
  deliver(queue, 'one');
  await clock.advance(minute);
  queue.drain();
  force.abort();
  await clock.advance(1);
  const polls = client.callsOf('getMessages').length;
  resolve();
  await clock.advance(1000);
  assert.equal(await queue.ended, 'drained');
  assert.equal(client.callsOf('getMessages').length, polls);
  assertNothingLeft();
});

test('an abandoned poll is repeated at once', async () => {
  const queue = await startPolling();
  const polls = client.callsOf('getMessages').length;
  queue.abandonPoll(new Error('resumed from sleep'));
  await clock.advance(1);
  assert.ok(client.callsOf('getMessages').length > polls);
  abort.abort();
  await queue.ended;
  assertNothingLeft();
});
