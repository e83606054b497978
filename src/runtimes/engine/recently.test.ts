import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recently } from './recently.ts';

test('a query is asked again after its lifetime, or if it found nothing', async () => {
  let [calls, now, fails, isUnknown] = [0, 0, false, false];
  const read = recently(
    async () => {
      calls += 1;
      if (fails) throw new Error('down');
      if (isUnknown) return undefined;
      return calls;
    },
    100,
    () => now,
  );
  assert.deepEqual(await Promise.all([read(), read()]), [1, 1]);
  now = 99;
  assert.equal(await read(), 1);
  now = 100;
  assert.equal(await read(), 2);
  [now, fails] = [200, true];
  await assert.rejects(read(), /down/);
  [fails, isUnknown] = [false, true];
  assert.equal(await read(), undefined);
  isUnknown = false;
  assert.equal(await read(), 5);
});
