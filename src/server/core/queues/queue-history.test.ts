import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunnerQueue } from '../../../plan42/objects.ts';
import type { Store } from '../../store/store.ts';
import { QueueHistory } from './queue-history.ts';

const isPing = (message: object) => 'ping' in message;
const runner = { TenantID: 't', RunnerID: 'r' };
const queueOf = (QueueID: string, fields: Partial<RunnerQueue> = {}) =>
  ({ ...runner, QueueID, IsHealthy: true, Draining: false, ...fields }) as RunnerQueue;

function historyOf(maxSteps = 100) {
  const queues: RunnerQueue[] = [];
  const store = { runnerQueues: { select: () => queues } } as unknown as Pick<Store, 'runnerQueues'>;
  const history = new QueueHistory(store, maxSteps);
  const poll = (queue: RunnerQueue, messages: number) =>
    history.countPoll(queue, async () => Array.from({ length: messages }, () => ({})), isPing);
  return { history, queues, poll };
}

test('a sample is the fill rate of the polls of its step: 0 while a poll waits, null without polls', async () => {
  const { history, queues, poll } = historyOf();
  const [a, b] = [queueOf('a'), queueOf('b')];
  queues.push(a, b);
  await poll(a, 10);
  await poll(a, 3);
  history.sample();
  const end = Promise.withResolvers<object[]>();
  const waiting = history.countPoll(a, () => end.promise, isPing);
  history.sample();
  end.resolve([]);
  await waiting;
  history.sample();
  history.sample();
  assert.deepEqual(history.ofQueue(a, 0), { utilisation: [65, 0, 0, null], states: ['H', 'H', 'H', 'H'] });
  assert.deepEqual(history.ofQueue(b, 0).utilisation, [null, null, null, null]);
  assert.deepEqual(history.ofRunner(runner, 0), [65, 0, 0, null]);
});

test('pings are no load', async () => {
  const { history, queues } = historyOf();
  const a = queueOf('a');
  queues.push(a);
  await history.countPoll(a, async () => [{ ping: true }], isPing);
  history.sample();
  await history.countPoll(a, async () => [{ ping: true }, {}, {}], isPing);
  history.sample();
  assert.deepEqual(history.ofQueue(a, 0).utilisation, [0, 20]);
});

test('a failed poll does not count', async () => {
  const { history, queues } = historyOf();
  const a = queueOf('a');
  queues.push(a);
  await assert.rejects(history.countPoll(a, () => Promise.reject(new Error('gone')), isPing));
  history.sample();
  assert.deepEqual(history.ofQueue(a, 0).utilisation, [null]);
});

test('returns the samples since a step, and all samples of younger queues', async () => {
  const { history, queues, poll } = historyOf();
  const [old, young] = [queueOf('old'), queueOf('young', { IsHealthy: false })];
  queues.push(old);
  await poll(old, 1);
  history.sample();
  history.sample();
  queues.push(young);
  queues[0] = queueOf('old', { IsHealthy: false, Draining: true });
  await poll(old, 2);
  history.sample();
  assert.equal(history.steps, 3);
  assert.deepEqual(history.ofQueue(old, 1), { utilisation: [null, 20], states: ['H', 'D'] });
  assert.deepEqual(history.ofQueue(old, 3), { utilisation: [], states: [] });
  assert.deepEqual(history.ofQueue(young, 0), { utilisation: [null], states: ['U'] });
});

test('keeps at most its limit, and drops deleted queues', async () => {
  const { history, queues, poll } = historyOf(3);
  const a = queueOf('a');
  queues.push(a);
  for (let i = 1; i <= 5; i += 1) {
    await poll(a, i);
    history.sample();
  }
  assert.deepEqual(history.ofQueue(a, 0).utilisation, [30, 40, 50]);
  queues.length = 0;
  history.sample();
  assert.deepEqual(history.ofQueue(a, 0).utilisation, []);
  assert.deepEqual(history.ofRunner(runner, 0), [40, 50, null], 'a runner keeps its past without a queue');
  history.sample();
  history.sample();
  assert.deepEqual(history.ofRunner(runner, 0), [], 'until there is nothing left of it');
});
