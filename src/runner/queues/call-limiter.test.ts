import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ConnectionError } from '../../plan42/errors.ts';
import { CallLimiter } from './call-limiter.ts';

const path = { method: 'GET', path: '/x' };
const never = new AbortController().signal;
const unreachable = () => Promise.reject(new ConnectionError(path, 'refused'));

function timed(times: number[], work: () => Promise<unknown>) {
  return () => {
    times.push(performance.now());
    return work();
  };
}

test('while calls get through, none waits', async () => {
  const limiter = new CallLimiter();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 1000 }, () => limiter.call(async () => {}, never)));
  assert.ok(performance.now() - startedAt < 15_000, 'not 1000 turns of 150 ms');
});

test('in an outage there is time between calls, and the first that gets through lets the others go', async () => {
  const limiter = new CallLimiter();
  await assert.rejects(limiter.call(unreachable, never));
  const times: number[] = [];
  const startedAt = performance.now();
  const fail = () => assert.rejects(limiter.call(timed(times, unreachable), never));
  const failing = [fail(), fail()];
  const working = Array.from({ length: 1000 }, () =>
    limiter.call(
      timed(times, async () => {}),
      never,
    ),
  );
  await Promise.all([...failing, ...working]);
  assertSpread(times.slice(0, 3), startedAt);
  assert.ok((times.at(-1) ?? 0) - (times[2] ?? 0) < 15_000, 'not 999 turns of 150 ms');
});

test('an answer that says no is no outage', async () => {
  const limiter = new CallLimiter();
  const refuse = () => Promise.reject(new ApiError(path, { status: 404, isFromApi: true }));
  const startedAt = performance.now();
  for (let i = 0; i < 300; i += 1) await assert.rejects(limiter.call(refuse, never));
  assert.ok(performance.now() - startedAt < 4500, 'not 300 turns of 150 ms');
});

test('whoever gives up does not wait for a turn', async () => {
  const limiter = new CallLimiter();
  await assert.rejects(limiter.call(unreachable, never));
  const stop = new AbortController();
  const calls = Array.from({ length: 100 }, () => limiter.call(unreachable, stop.signal));
  stop.abort(new Error('given up'));
  const outcomes = await Promise.allSettled(calls);
  assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && /given up/.test(String(outcome.reason))));
});

test('a call from before the last failure does not end the outage', async () => {
  const limiter = new CallLimiter();
  await assert.rejects(limiter.call(unreachable, never));
  const longPoll = Promise.withResolvers<void>();
  const polled = limiter.call(() => longPoll.promise, never);
  await assert.rejects(limiter.call(unreachable, never));
  const times: number[] = [];
  const startedAt = performance.now();
  const failing = Array.from({ length: 4 }, () => assert.rejects(limiter.call(timed(times, unreachable), never)));
  longPoll.resolve();
  await Promise.all([polled, ...failing]);
  assertSpread(times, startedAt);
});

/** Each call waited for its turn. Late turns on a busy machine make no difference, because none may be early. */
function assertSpread(times: readonly number[], startedAt: number): void {
  for (const [index, at] of times.entries()) {
    assert.ok(at - startedAt >= index * 140, `call ${index} after ${at - startedAt} ms`);
  }
}
