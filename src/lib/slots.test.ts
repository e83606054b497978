import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

describe('slots', () => {
  test('are limited in number', () => {
    const slots = new Slots(2);
    assert.ok(slots.tryTake());
    const second = slots.tryTake();
    assert.ok(second);
    assert.equal(slots.tryTake(), undefined);
    second[Symbol.dispose]();
    // Releasing a slot twice must not create another one.
    second[Symbol.dispose]();
    assert.ok(slots.tryTake());
    assert.equal(slots.tryTake(), undefined);
  });

  test('are granted in order of request', async () => {
    const slots = new Slots(1);
    const order: number[] = [];
    let held = await slots.take(never);
    const waiting = [1, 2, 3].map(async (n) => {
      const slot = await slots.take(never);
      order.push(n);
      return slot;
    });
    for (const next of waiting) {
      held[Symbol.dispose]();
      assert.equal(slots.tryTake(), undefined, 'a new caller does not overtake waiting ones');
      held = await next;
    }
    assert.deepEqual(order, [1, 2, 3]);
  });

  test('are granted to the lowest rank first', async () => {
    const slots = new Slots(1);
    let held = await slots.take(never);
    const order: number[] = [];
    const waiting = [3, 1, 2].map(async (rank) => {
      const slot = await slots.take(never, rank);
      order.push(rank);
      return slot;
    });
    for (const index of [1, 2, 0]) {
      held[Symbol.dispose]();
      held = (await waiting[index]) as Disposable;
    }
    assert.deepEqual(order, [1, 2, 3]);
  });

  test('are not leaked by an aborted wait', async () => {
    const slots = new Slots(1);
    const held = slots.tryTake();
    const [first, second] = [new AbortController(), new AbortController()];
    const [a, b] = [slots.take(first.signal), slots.take(second.signal)];
    const reason = new Error('enough');
    first.abort(reason);
    await assert.rejects(a, (error) => error === reason);
    held?.[Symbol.dispose]();
    const slot = await b;
    assert.equal(getEventListeners(second.signal, 'abort').length, 0);
    // Too late to leave.
    second.abort();
    assert.equal(slots.tryTake(), undefined);
    slot[Symbol.dispose]();
    assert.ok(slots.tryTake());
    await assert.rejects(slots.take(first.signal), (error) => error === reason);
  });

  test('can be occupied beyond their number, and are free again after enough releases', async () => {
    const slots = new Slots(1);
    const [a, b] = [slots.occupy(), slots.occupy()];
    let given = false;
    const waiting = slots.take(never).then((slot) => {
      given = true;
      return slot;
    });
    a[Symbol.dispose]();
    await new Promise(setImmediate);
    assert.equal(given, false);
    b[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    assert.ok(slots.tryTake());
  });

  test('never exceed their number and never leak, in any sequence', async () => {
    const action = fc.constantFrom('take', 'give', 'abort');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(action, { maxLength: 40 }), async (count, actions) => {
        const slots = new Slots(count);
        const held: Disposable[] = [];
        const waiting: AbortController[] = [];
        for (const what of actions) {
          if (what === 'give') held.shift()?.[Symbol.dispose]();
          if (what === 'abort') waiting.pop()?.abort();
          if (what === 'take') {
            const controller = new AbortController();
            waiting.push(controller);
            slots.take(controller.signal).then(
              (slot) => {
                waiting.splice(waiting.indexOf(controller), 1);
                held.push(slot);
              },
              () => {},
            );
          }
          await new Promise(setImmediate);
          assert.ok(held.length <= count);
          assert.ok(held.length === count || waiting.length === 0, 'a caller waits although a slot is free');
        }
      }),
      { numRuns: 50 },
    );
  });
});
