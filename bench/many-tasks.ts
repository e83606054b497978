/** 1,000 tasks on two runners of four slots: how soon both are busy, how long all take, and that none runs twice or out of order. */
import assert from 'node:assert/strict';
import { notStartedOnce, runManyTasks } from '../test/support/many-tasks.ts';

const [count = '1000'] = process.argv.slice(2);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const result = await runManyTasks({ tasks: Number(count), slots: 4, agentSeconds: 0.2, timeoutMs: 30 * 60_000 });
const { tasks, sent, shares, busyAfterMs, totalMs, maxWaiting } = result;
console.log(`tasks                          ${tasks.length}`);
console.log(`all slots taken after          ${busyAfterMs.map(seconds).join(' and ')}`);
console.log(`all tasks finished after       ${seconds(totalMs)}`);
console.log(`tasks by runner                ${[...shares.values()].join(' and ')}`);
console.log(`jobs that waited in a runner   ${maxWaiting}`);
console.log(`not started exactly once       ${notStartedOnce(result).length}`);
assert.deepEqual(notStartedOnce(result), []);
assert.deepEqual(sent, tasks, 'in the order of creation');
const longestMs = 5000;
assert.ok(Math.max(...busyAfterMs) <= longestMs, 'both runners are busy within five seconds of their start');
