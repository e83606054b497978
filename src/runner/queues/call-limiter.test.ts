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
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, () =>
      limiter.call(
        timed(times, async () => {}),
        never,
      ),
    ),
  );
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) < 100);
});

test('in an outage there is time between calls, and the first that gets through lets the others go', async () => {
  const limiter = new CallLimiter();
  await assert.rejects(limiter.call(unreachable, never));
  const times: number[] = [];
  const fail = () => assert.rejects(limiter.call(timed(times, unreachable), never));
  const failing = [fail(), fail()];
  const working = Array.from({ length: 50 }, () =>
    limiter.call(
      timed(times, async () => {}),
      never,
    ),
  );
  await Promise.all([...failing, ...working]);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  for (const gap of gaps.slice(0, 2)) assert.ok(gap > 100, `${gap} ms`);
  assert.ok((times.at(-1) ?? 0) - (times[2] ?? 0) < 2000, 'not 49 turns');
});

test('an answer that says no is no outage', async () => {
  const limiter = new CallLimiter();
  const refuse = () => Promise.reject(new ApiError(path, { status: 404, isFromApi: true }));
  const startedAt = performance.now();
  for (let i = 0; i < 20; i += 1) await assert.rejects(limiter.call(refuse, never));
  assert.ok(performance.now() - startedAt < 100);
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
  const failing = Array.from({ length: 3 }, () => assert.rejects(limiter.call(timed(times, unreachable), never)));
  longPoll.resolve();
  await Promise.all([polled, ...failing]);
  assert.ok((times[2] ?? 0) - (times[0] ?? 0) > 280);
});
