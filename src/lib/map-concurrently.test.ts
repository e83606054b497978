import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mapConcurrently } from './map-concurrently.ts';

const never = new AbortController().signal;

describe('work on many items', () => {
  test('returns results in order, and respects the limit', async () => {
    let running = 0;
    let most = 0;
    const turns = [5, 1, 4, 1, 3, 1, 2];
    const results = await mapConcurrently(turns, 3, never, async (count) => {
      running += 1;
      most = Math.max(most, running);
      for (let i = 0; i < count; i += 1) await Promise.resolve();
      running -= 1;
      return count * 10;
    });
    assert.deepEqual(results, [50, 10, 40, 10, 30, 10, 20]);
    assert.equal(most, 3);
    assert.deepEqual(await mapConcurrently([], 3, never, async () => 1), []);
  });

  test('stops at the first failure, which it throws after the others have settled', async () => {
    const failure = new Error('no');
    const ended: string[] = [];
    const work = async (name: string, signal: AbortSignal) => {
      if (name === 'bad') throw failure;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended.push(name);
      throw signal.reason;
    };
    await assert.rejects(mapConcurrently(['slow', 'bad', 'unasked'], 2, never, work), (error) => error === failure);
    assert.deepEqual(ended, ['slow']);
  });

  test('rejects when its signal aborts', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const work = (_: number, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const all = mapConcurrently([1, 2, 3], 2, stop.signal, work);
    stop.abort(reason);
    await assert.rejects(all, (error) => error === reason);
    await assert.rejects(mapConcurrently([1], 1, stop.signal, work), (error) => error === reason);
  });
});
