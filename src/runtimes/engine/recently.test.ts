import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recently } from './recently.ts';

test('a query is asked again after its lifetime, or after a failure', async () => {
  let [calls, now, fails] = [0, 0, false];
  const read = recently(
    async () => {
      calls += 1;
      if (fails) throw new Error('down');
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
  fails = false;
  assert.equal(await read(), 4);
});
