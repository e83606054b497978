/** Turns wait on the server until a machine has a free slot. `bench/many-tasks.ts` does it with 1,000 tasks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notStartedOnce, runManyTasks } from './support/many-tasks.ts';

test('two runners share many tasks in order, none runs twice, and a killed runner loses none', async () => {
  const options = { tasks: 60, slots: 4, agentSeconds: 0.3, timeoutMs: 120_000, waitsForRunners: true };
  const result = await runManyTasks(options);
  const { tasks, sent, shares, maxWaiting } = result;
  assert.deepEqual(notStartedOnce(result), []);
  assert.deepEqual(sent, tasks, 'in the order of creation');
  assert.equal(maxWaiting, 0, 'no turn waits in a runner');
  assert.equal(shares.size, 2);
  assert.ok(Math.min(...shares.values()) >= 8, `both have work: ${[...shares.values()].join(' and ')}`);
});
