/** The runner adds queues under load and removes them when idle. No message is lost or answered twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { listQueues, PingLoad } from './support/ping-load.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startSlowNetwork } from './support/slow-network.ts';

// Few enough for a busy machine; an idle one answers them in ten seconds.
const messages = 4000;
const callers = 600;
// Without a delay, polls return before messages pile up.
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

test('answers thousands of messages while the queues double to eight and shrink to one', {
  timeout: 300_000,
}, async (t) => {
  // Of each message, the status codes with which the server received responses.
  const answers = new Map<string, string[]>();
  const noteAnswer = (line: string) => {
    const [, message = '', status = ''] = /method=PUT path=(\S+)\/response status=(\d+)/.exec(line) ?? [];
    if (status !== '') answers.set(message, [...(answers.get(message) ?? []), status]);
  };
  await using plane = await startControlPlane({ timing, onLog: noteAnswer });
  await using network = await startSlowNetwork(plane.server.url, networkDelayMs);
  const token = await plane.newToken();
  await using runner = await RunnerProcess.start({ url: network.url, token, runtime: 'host', config });
  await runner.ready();
  await using load = new PingLoad(plane);

  const startedAt = performance.now();
  let peak = 0;
  const reachesEight = eventually(async () => {
    peak = Math.max(peak, (await listQueues(plane)).length);
    return peak === 8;
  }, 240_000);
  // The last 500 are sent while the queues are removed.
  const isEnough = () => load.outcomes.answered >= messages - 500 && peak === 8;
  await Promise.all([reachesEight, load.keepPinging(callers, isEnough)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const underLoad = load.outcomes.answered;
  await load.keepPinging(1, () => load.outcomes.answered >= messages && queuesSeen(runner).at(-1) === 1);
  await eventually(async () => (await listQueues(plane)).length === 1);

  const queues = queuesSeen(runner);
  assert.deepEqual(queues.slice(0, 3), [2, 4, 8]);
  // A busy machine answers so slowly that queues may be added once more.
  const changes = queues.map((count, index) => [queues[index - 1] ?? 1, count] as const);
  for (const [from, to] of changes) assert.ok(to === from - 1 || to === Math.min(8, 2 * from), queues.join(' '));
  assert.equal(queues.at(-1), 1);
  assert.equal(load.outcomes.lost, 0, 'every message that the server delivered was answered');
  assert.ok(load.outcomes.answered >= messages);
  assert.equal(answers.size, load.outcomes.answered);
  // A response is repeated if its confirmation takes longer than 10 s. The server has it then.
  for (const [message, statuses] of answers) assert.match(statuses.join(' '), /^204( 404)*$/, message);
  t.diagnostic(
    `${underLoad} messages in ${seconds.toFixed(1)} s, ${load.outcomes.answered} in all, each answered once`,
  );
});

/** The numbers of queues that the runner has logged, in order. */
function queuesSeen({ log }: RunnerProcess): number[] {
  return [...log.matchAll(/(?:adding queues|removing queue) .*queues=(\d+)/g)].map((match) => Number(match[1]));
}
