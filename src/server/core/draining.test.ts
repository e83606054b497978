/** Draining queues at the real cadence of pings and polls, with the timers of the test. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { silentLogger } from '../../lib/logger.ts';
import { decrypt, encrypt, generateKeyPair, parsePublicKey, publicKeyPem } from '../../plan42/ecies.ts';
import type { RunnerMessage } from '../../plan42/runner-objects.ts';
import { openStore } from '../store/store.ts';
import { createEvents } from './events.ts';
import { watchQueue } from './health.ts';
import { Broker } from './queues/broker.ts';
import { addQueue, changeQueue, removeQueue } from './queues/queue-changes.ts';
import { defaultTiming } from './timing.ts';
import { firstVersion } from './versioned.ts';

const stepMs = 250;

/** A queue with its health checks, in a time that passes in `pass` only. */
async function startQueue(t: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'plan42-draining-'));
  const store = await openStore(dataDir, silentLogger);
  const stop = new AbortController();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    date: () => new Date(nowMs),
    sleep: () => Promise.reject(new Error('not used')),
  };
  const broker = new Broker(clock);
  const deps = { store, clock, events: createEvents(), broker, timing: defaultTiming, logger: silentLogger };
  const keys = generateKeyPair();
  const key = { TenantID: randomUUID(), RunnerID: randomUUID(), QueueID: randomUUID() };
  const common = { Deleted: false, ...firstVersion(clock) };
  store.tenants.insert({ TenantId: key.TenantID, Type: 'User', ...common });
  const abilities = { IsCloud: false, RunsTasks: true, ProxiesGithub: false };
  store.runners.insert({ TenantId: key.TenantID, RunnerId: key.RunnerID, Name: 'r', ...abilities, ...common });
  addQueue(deps, key, publicKeyPem(keys.publicKey));
  const find = () => store.runnerQueues.find(key);
  const watched = watchQueue({ ...deps, signal: stop.signal }, key, defaultTiming.healthCheckIntervalMs);

  const respond = (message: RunnerMessage) => {
    const request = JSON.parse(decrypt(message.Payload, keys.privateKey).toString('utf8')) as { Type: string };
    assert.equal(request.Type, 'PingRequest');
    const response = encrypt(Buffer.from('{"Type":"PingResponse"}'), parsePublicKey(message.CallerPublicKey));
    broker.respond(key, message.MessageID, message.CallerID, response);
  };
  return {
    find,
    poll: async (waitMs: number) => {
      const queue = find();
      assert.ok(queue);
      const messages = (await broker.poll(queue, waitMs, stop.signal)) as RunnerMessage[];
      for (const message of messages) respond(message);
      return messages.length;
    },
    drain: () => {
      const queue = find();
      assert.ok(queue);
      changeQueue(deps, queue, { Draining: true, IsHealthy: false });
    },
    remove: () => {
      const queue = find();
      assert.ok(queue);
      removeQueue(deps, queue);
    },
    now: () => nowMs,
    wait: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
    pass: async (ms: number) => {
      for (const end = nowMs + ms; nowMs < end; nowMs += stepMs) {
        t.mock.timers.tick(stepMs);
        await nextTurn();
      }
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watched;
      t.mock.timers.reset();
      store[Symbol.dispose]();
      await rm(dataDir, { recursive: true });
    },
  };
}

type Queue = Awaited<ReturnType<typeof startQueue>>;

/** As the Go runner: polls of 30 s, one after the other; draining ends with the first that is empty. */
async function run(queue: Queue, { offsetMs, gapMs }: { offsetMs: number; gapMs: number }, isDraining: () => boolean) {
  await queue.wait(offsetMs);
  for (;;) {
    const startedDraining = isDraining();
    if ((await queue.poll(30_000)) === 0 && startedDraining) break;
    await queue.wait(gapMs);
  }
  queue.remove();
  return queue.now();
}

for (const gapMs of [stepMs, 2000]) {
  for (const offsetMs of [0, 5000, 29_500, 30_000]) {
    for (const drainAtMs of [61_000, 75_000, 89_500]) {
      test(`polls of 30 s drain: first after ${offsetMs} ms, ${gapMs} ms apart, from ${drainAtMs} ms`, async (t) => {
        await using queue = await startQueue(t);
        let draining = false;
        const drained = run(queue, { offsetMs, gapMs }, () => draining);
        await queue.pass(drainAtMs);
        assert.equal(queue.find()?.IsHealthy, true);
        queue.drain();
        draining = true;
        await queue.pass(100_000);
        assert.equal(queue.find(), undefined, 'still there');
        // The poll that was open, a ping in its last moment, and one that is empty.
        const tookMs = (await drained) - drainAtMs;
        assert.ok(tookMs <= 2 * (30_000 + gapMs) + 5000, `took ${tookMs} ms`);
      });
    }
  }
}

test('a draining queue lives as long as it is polled, and is deleted after ten checks without a poll', async (t) => {
  await using queue = await startQueue(t);
  queue.drain();
  const stopped = new AbortController();
  const polling = (async () => {
    while (!stopped.signal.aborted) await queue.poll(30_000);
  })();
  await queue.pass(20 * 60_000);
  assert.equal(queue.find()?.NConsecutiveFailedHealthChecks, 0);
  assert.equal(queue.find()?.IsHealthy, false);
  stopped.abort();
  await queue.pass(30_000);
  await polling;
  await queue.pass(9 * 30_000);
  assert.ok(queue.find(), 'deleted too early');
  await queue.pass(3 * 30_000);
  assert.equal(queue.find(), undefined);
});

test('short polls keep a draining queue too', async (t) => {
  await using queue = await startQueue(t);
  queue.drain();
  for (let passed = 0; passed < 30; passed += 1) {
    assert.equal(await queue.poll(0), 0);
    await queue.pass(20_000);
  }
  assert.equal(queue.find()?.NConsecutiveFailedHealthChecks, 0);
});
