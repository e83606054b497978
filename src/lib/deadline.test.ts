import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { TimeoutError, withDeadline } from './deadline.ts';
import { sleep } from './sleep.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('work with a deadline', () => {
  test('returns its result and leaves no listener', async () => {
    const { signal } = new AbortController();
    for (let i = 0; i < 20; i += 1) {
      assert.equal(await withDeadline(1000, signal, async () => i), i);
      await assert.rejects(
        withDeadline(1000, signal, () => Promise.reject(new Error('own'))),
        /own/,
      );
    }
    assert.equal(listeners(signal), 0);
  });

  test('times out with an error that has the time', async () => {
    const { signal } = new AbortController();
    await assert.rejects(
      withDeadline(20, signal, (bounded) => sleep(5000, bounded)),
      (error) => error instanceof TimeoutError && error.timeoutMs === 20 && /0\.02 s/.test(error.message),
    );
    assert.equal(listeners(signal), 0);
  });

  test('rejects with the signal’s reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const work = withDeadline(5000, controller.signal, (bounded) => sleep(5000, bounded));
    controller.abort(reason);
    await assert.rejects(work, (error) => error === reason);
    let begun = false;
    const late = withDeadline(1000, controller.signal, async () => {
      begun = true;
    });
    await assert.rejects(late, (error) => error === reason);
    assert.equal(begun, false);
  });

  test('reports the reason, not other errors of aborted work', async () => {
    await assert.rejects(
      withDeadline(10, undefined, async (bounded) => {
        await sleep(1000, bounded).catch(() => {});
        throw new Error('a consequence');
      }),
      TimeoutError,
    );
  });
});

test('a sleep longer than a timer can wait does not resolve at once', async () => {
  const controller = new AbortController();
  let over = false;
  const long = sleep(1e15, controller.signal).then(
    () => {
      over = true;
    },
    () => {},
  );
  await sleep(20);
  assert.equal(over, false);
  controller.abort();
  await long;
});
