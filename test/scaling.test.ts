/** Load makes the runner take more queues, silence makes it give them back, and no message is lost or answered twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { listQueues, PingLoad } from './support/ping-load.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startSlowNetwork } from './support/slow-network.ts';

const messages = 20_000;
const callers = 600;
// Without it a poll is back before messages have piled up.
const networkDelayMs = 15;
// Callers wait as long as the test, and the server sends no pings.
const timing = { healthCheckTimeoutMs: 60_000, healthCheckIntervalMs: 600_000 };

const config = `
[host]
unisolated = true
command = ["/bin/cat"]
[queues]
poll_wait = "1s"
drain_time = "300ms"
max_queues = 8
scale_up_after = "1s"
scale_down_after = "1s"
`;

test('20,000 messages while the queues double to eight and go back to one', { timeout: 120_000 }, async (t) => {
  const answers = new Map<string, number>();
  const countAnswer = (line: string) => {
    const [, status = ''] = /method=PUT path=\S+\/response status=(\d+)/.exec(line) ?? [];
    if (status !== '') answers.set(status, (answers.get(status) ?? 0) + 1);
  };
  await using plane = await startControlPlane({ timing, onLog: countAnswer });
  await using network = await startSlowNetwork(plane.server.url, networkDelayMs);
  const token = await plane.newToken();
  await using runner = await RunnerProcess.start({ url: network.url, token, runtime: 'host', config });
  await runner.ready();
  await using load = new PingLoad(plane);

  const startedAt = performance.now();
  // The last thousand are for the way down.
  await load.keepPinging(callers, () => load.outcomes.answered >= messages - 1000 && queuesSeen(runner).includes(8));
  const seconds = (performance.now() - startedAt) / 1000;
  const underLoad = load.outcomes.answered;
  const atPeak = await listQueues(plane);
  await load.keepPinging(1, () => load.outcomes.answered >= messages && queuesSeen(runner).at(-1) === 1);
  await eventually(async () => (await listQueues(plane)).length === 1);

  assert.deepEqual(queuesSeen(runner), [2, 4, 8, 7, 6, 5, 4, 3, 2, 1]);
  assert.equal(atPeak.length, 8);
  assert.equal(load.outcomes.lost, 0, 'everything that the server handed out was answered');
  assert.ok(load.outcomes.answered >= messages);
  assert.deepEqual([...answers], [['204', load.outcomes.answered]], 'the server got one answer to each and no more');
  t.diagnostic(
    `${underLoad} messages in ${seconds.toFixed(1)} s, ${load.outcomes.answered} in all, each answered once`,
  );
});

/** How many queues the runner decided to have, one after the other. */
function queuesSeen({ log }: RunnerProcess): number[] {
  return [...log.matchAll(/(?:adding queues|removing queue) .*queues=(\d+)/g)].map((match) => Number(match[1]));
}
