import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from './logger.ts';
import { retry, retryForever } from './retry.ts';

const backoff = { minMs: 10, maxMs: 100 };

/** Fails with each of `errors` in turn, then returns `done`; and a sleep that records its delays. */
function setUp(...errors: unknown[]) {
  const delays: number[] = [];
  const attempts: number[] = [];
  const work = async (attempt: number) => {
    attempts.push(attempt);
    if (errors.length > 0) throw errors.shift();
    return 'done';
  };
  const sleep = async (ms: number) => void delays.push(ms);
  return { work, delays, attempts, options: { backoff, sleep, random: () => 1 } };
}

describe('retry', () => {
  test('returns the result of the first attempt that succeeds', async () => {
    const { work, delays, attempts, options } = setUp(new Error('one'), new Error('two'));
    assert.equal(await retry(work, options), 'done');
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(delays, [10, 20]);
  });

  test('throws the last error after maxAttempts', async () => {
    const { work, delays, options } = setUp(new Error('one'), new Error('two'), new Error('three'));
    await assert.rejects(retry(work, { ...options, maxAttempts: 2 }), { message: 'two' });
    assert.deepEqual(delays, [10]);
  });

  test('throws at once what shouldRetry rejects', async () => {
    const { work, delays, options } = setUp(new Error('one'), new Error('final'));
    const shouldRetry = async (error: unknown) => (error as Error).message !== 'final';
    await assert.rejects(retry(work, { ...options, shouldRetry }), { message: 'final' });
    assert.deepEqual(delays, [10]);
  });

  test('waits at least retryAfterMs of the error', async () => {
    const { work, delays, options } = setUp(Object.assign(new Error('busy'), { retryAfterMs: 500 }), new Error('two'));
    await retry(work, options);
    assert.deepEqual(delays, [500, 20]);
  });

  test('lets retryDelayMs replace the backoff', async () => {
    const { work, delays, options } = setUp(new Error('conflict'), new Error('other'));
    await retry(work, { ...options, retryDelayMs: (_, attempt) => (attempt === 1 ? 0 : undefined) });
    assert.deepEqual(delays, [0, 10]);
  });

  test('makes no attempt after the deadline', async () => {
    const { work, attempts, options } = setUp(new Error('one'), new Error('two'));
    await assert.rejects(retry(work, { ...options, deadline: performance.now() }), { message: 'one' });
    assert.deepEqual(attempts, [1]);
  });

  test('shortens a delay to the deadline, but not one that the server asked for', async () => {
    const later = { backoff: { minMs: 1e9, maxMs: 1e9 }, deadline: performance.now() + 1e6 };
    const own = setUp(new Error('one'));
    await retry(own.work, { ...own.options, ...later });
    assert.ok(own.delays.every((ms) => ms <= 1e6));
    const asked = setUp(Object.assign(new Error('busy'), { retryAfterMs: 1e9 }));
    await assert.rejects(retry(asked.work, { ...asked.options, ...later }), { message: 'busy' });
  });

  test('reports each retry with its error, attempt and delay', async () => {
    const { work, options } = setUp(new Error('one'), new Error('two'));
    const seen: unknown[] = [];
    await retry(work, { ...options, onRetry: (error, attempt, ms) => seen.push([`${error}`, attempt, ms]) });
    assert.deepEqual(seen, [
      ['Error: one', 1, 10],
      ['Error: two', 2, 20],
    ]);
  });

  test('rejects with the reason of its signal, during a wait and after a failure', async () => {
    const stop = new AbortController();
    const fail = async () => Promise.reject(new Error('one'));
    const options = { backoff: { minMs: 1e6, maxMs: 1e6 }, random: () => 1, signal: stop.signal };
    const waiting = retry(fail, { ...options, onRetry: () => setImmediate(() => stop.abort(new Error('stopped'))) });
    await assert.rejects(waiting, { message: 'stopped' });
    await assert.rejects(retry(fail, options), { message: 'stopped' });
  });
});

test('retryForever logs the first failure only', async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) });
  const { work, options } = setUp(new Error('one'), new Error('two'));
  const result = await retryForever(() => work(0), { failure: 'cannot save', logger, sleep: options.sleep });
  assert.equal(result, 'done');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /WARN {2}cannot save error=one\n$/);
});
