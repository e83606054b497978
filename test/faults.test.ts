/**
 * The runner behind a network that fails in all ways. PLAN42_SOAK_SECONDS makes the random part longer, and
 * PLAN42_FAULT_SEED repeats its choices.
 */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { busiestSecond, FaultProxy } from './support/fault-proxy.ts';
import { type Fault, faultSeed, faults, type ProxiedCall, randomFaults, tooManyRequests } from './support/faults.ts';
import { listQueues, PingLoad } from './support/ping-load.ts';
import { openSockets, residentMib } from './support/process-usage.ts';
import { RunnerProcess } from './support/runner-process.ts';

const soakMs = 1000 * Number(process.env['PLAN42_SOAK_SECONDS'] ?? 15);
// Memory that the garbage collector has not freed yet.
const maxGrowthMib = 80;
// Callers wait for longer than the runner tries to answer; and the server itself sends nothing.
const timing = { healthCheckTimeoutMs: 40_000, healthCheckIntervalMs: 3_600_000 };
const config = `
[host]
unisolated = true
command = ["/bin/cat"]
[queues]
poll_wait = "1s"
drain_time = "300ms"
`;
const severalQueues = 'max_queues = 4\nscale_up_after = "1s"\nscale_up_at = 0.1\n';

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  proxy: FaultProxy;
  runner: RunnerProcess;
  load: PingLoad;
}

suite('faults', { concurrency: 4, timeout: soakMs + 120_000 }, () => {
  test('at random: every message that arrives whole is answered, and nothing leaks', async (t) => {
    await using setting = await setUp(severalQueues);
    const { proxy, runner, load } = setting;
    const seed = faultSeed();
    t.diagnostic(`PLAN42_FAULT_SEED=${seed}`);
    const plan = randomFaults(seed);
    proxy.plan = plan;
    const end = performance.now() + soakMs;
    let warmMib: number | undefined;
    while (performance.now() < end) {
      await load.pingEvery(10, Math.min(30_000, soakMs / 2));
      await proxy.refuseConnections();
      await delay(1000);
      await proxy.acceptConnections();
      warmMib ??= await residentMib(runner.pid);
    }
    proxy.plan = () => faults.none;
    // Until then, queues may contain messages that have not been polled.
    await runner.logged(/runner ready\n(?![\s\S]*(server unreachable|token rejected))/, 90_000);
    await eventually(async () => unanswered(proxy).length === 0).catch(() => {});
    assert.deepEqual(unanswered(proxy), [], `messages without an answer (PLAN42_FAULT_SEED=${seed})`);

    await eventually(async () => (await openSockets(runner.pid)) <= 16);
    const grownMib = (await residentMib(runner.pid)) - (warmMib ?? 0);
    report(t, setting, grownMib);
    assert.ok(grownMib < maxGrowthMib, `${grownMib} MiB more than after the first part`);
    assert.equal(await runner.stop(), 0);
  });

  test('an outage is met with at most ten calls a second of a queue, answers included', async (t) => {
    await using setting = await setUp();
    const { proxy, load } = setting;
    // At first only answers fail, so that there are many to try again.
    proxy.plan = ({ kind }) => (kind === 'answer' ? faults.htmlBadGateway : faults.none);
    await load.pingEvery(5, 1000);
    for (const fault of [faults.dropped, faults.htmlBadGateway]) {
      proxy.plan = () => fault;
      // Calls in flight when the fault begins fail first. On a busy machine that takes a while.
      const startedAt = performance.now() + 1000;
      await delay(5000);
      const calls = proxy.calls.filter((call) => call.at > startedAt);
      const most = busiestSecond(calls);
      t.diagnostic(`${calls.length} calls in 4 s of ${fault.kind}, ${most} in the busiest second`);
      // Calls that leave a tenth of a second apart may arrive eleven in a second.
      assert.ok(most <= 11, `${most} calls in a second`);
      assert.ok(calls.length > 0);
    }
    proxy.plan = () => faults.none;
    await eventually(async () => (await load.ping()) === 'answered');
  });

  test('a server that knows no queue is not flooded with new ones', async () => {
    await using setting = await setUp();
    const { proxy } = setting;
    proxy.plan = ({ kind }) => (kind === 'poll' ? faults.notFound : faults.none);
    await delay(4000);
    assert.ok(busiestSecond(proxy.calls) <= 20, `${busiestSecond(proxy.calls)} calls in a second`);
    assert.ok(proxy.callsOf('register').length < 16, `${proxy.callsOf('register').length} queues`);
  });

  test('a refused token is said once, tried rarely, and used again as soon as it is accepted', async () => {
    await using setting = await setUp();
    const { proxy, runner, load } = setting;
    let turn = 0;
    // The network fails now and then too, which is no news about the token.
    proxy.plan = () => (turn++ % 3 === 2 ? faults.dropped : faults.refused);
    const startedAt = performance.now();
    await runner.logged(/runner token rejected/);
    await eventually(async () => proxy.calls.filter((call) => call.at > startedAt).length >= 4);
    proxy.plan = () => faults.none;
    const refused = proxy.calls.filter((call) => call.at > startedAt && call.fault !== faults.none);
    assert.ok((refused.at(-1)?.at ?? 0) - (refused[0]?.at ?? 0) > 6000, 'a second, two, four');
    assert.equal(busiestSecond(refused), 1);
    await eventually(async () => (await load.ping()) === 'answered');
    assert.equal(runner.log.match(/runner token rejected/g)?.length, 1);
    assert.match(runner.log, /runner token rejected[\s\S]*runner ready/);
  });

  test('a deleted queue is replaced at once, even while it has messages to answer', async () => {
    await using setting = await setUp();
    const { plane, proxy, load } = setting;
    const [old] = await listQueues(plane);
    assert.ok(old);
    proxy.plan = ({ kind }) => (kind === 'answer' ? faults.unanswered : faults.none);
    void load.ping();
    await eventually(async () => proxy.callsOf('answer').length > 0);
    const { Version } = (await plane.call('GET', `${plane.runner}/queues/${old.QueueID}`)).body;
    const deletedAt = performance.now();
    await plane.call('DELETE', `${plane.runner}/queues/${old.QueueID}`, { ifMatch: Version });
    const replacement = await eventually(async () => (await listQueues(plane))[0]);
    assert.ok(performance.now() - deletedAt < 2000, 'at once');
    assert.notEqual(replacement.QueueID, old.QueueID);
    assert.notEqual(replacement.PublicKey, old.PublicKey);
    proxy.plan = () => faults.none;
    await eventually(async () => (await load.ping()) === 'answered');
    assert.deepEqual(proxy.callsOf('delete'), [], 'no call deletes it again');
  });

  for (const [name, fault] of Object.entries({
    'is cut off': faults.cutOff,
    'is an HTML page': faults.htmlPage,
    'is not JSON': faults.notJson,
    'is of the wrong type': faults.wrongShape,
    'is a redirect': faults.redirect,
    'is another’s 404': faults.htmlNotFound,
    'is 502 in HTML': faults.htmlBadGateway,
  })) {
    test(`a poll whose answer ${name} is an error of that poll only`, async () => {
      await using setting = await setUp();
      const { proxy, plane, load } = setting;
      const before = await listQueues(plane);
      await pollAfter(proxy, await failNextPoll(proxy, fault));
      await eventually(async () => (await load.ping()) === 'answered');
      assert.deepEqual(await listQueues(plane), before, 'it is the same queue');
    });
  }

  test('Retry-After is honoured, whatever it says', async () => {
    await using setting = await setUp();
    const { proxy } = setting;
    const failed = await failNextPoll(proxy, tooManyRequests(2));
    const next = await pollAfter(proxy, failed);
    assert.ok(next.at - failed.at >= 1990, `${next.at - failed.at} ms`);
    // A timer can't wait for so long.
    const endless = await failNextPoll(proxy, tooManyRequests(99_999_999));
    await delay(1000);
    assert.equal(proxy.callsOf('poll').filter((call) => call.at > endless.at).length, 0);
  });

  test('a poll that hangs is given up in time', async () => {
    await using setting = await setUp();
    const { proxy } = setting;
    const hung = await failNextPoll(proxy, faults.unanswered);
    const ms = (await pollAfter(proxy, hung)).at - hung.at;
    assert.ok(ms > 10_000 && ms < 25_000, `poll_wait and 15 s, not ${ms} ms`);
  });
});

async function setUp(moreConfig = ''): Promise<Setting> {
  await using resources = new AsyncDisposableStack();
  const plane = resources.use(await startControlPlane({ timing }));
  const proxy = resources.use(await FaultProxy.start(() => plane.server.url));
  const token = await plane.newToken();
  const runner = resources.use(
    await RunnerProcess.start({ url: proxy.url, token, runtime: 'host', config: config + moreConfig }),
  );
  await runner.ready();
  const load = resources.use(new PingLoad(plane));
  await eventually(async () => (await load.ping()) === 'answered');
  const owned = resources.move();
  return { plane, proxy, runner, load, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Lets one poll fail, and resolves with it. */
function failNextPoll(proxy: FaultProxy, fault: Fault): Promise<ProxiedCall> {
  const { promise, resolve } = Promise.withResolvers<ProxiedCall>();
  proxy.plan = (call) => {
    if (call.kind !== 'poll') return faults.none;
    proxy.plan = () => faults.none;
    resolve(call);
    return fault;
  };
  return promise;
}

function pollAfter(proxy: FaultProxy, earlier: ProxiedCall): Promise<ProxiedCall> {
  return eventually(async () => proxy.callsOf('poll').find((call) => call.at > earlier.at));
}

/** Messages that the runner got whole and could have answered, but did not. */
function unanswered(proxy: FaultProxy): { messageId: string; attempts: string[] }[] {
  const counts = proxy.answerCounts();
  const answers = proxy.callsOf('answer');
  return (
    [...proxy.delivered.keys()]
      .filter((messageId) => !counts.has(messageId))
      .map((messageId) => ({ messageId, attempts: answers.filter((call) => call.messageId === messageId) }))
      // A rejected call must not be retried.
      .filter(({ attempts }) => !attempts.some(({ fault }) => fault === faults.refused))
      .map(({ messageId, attempts }) => ({ messageId, attempts: attempts.map(describeAttempt) }))
  );
}

function describeAttempt({ fault, serverStatus, status }: ProxiedCall): string {
  return `${fault.kind}: server ${serverStatus ?? 'not reached'}, runner ${status ?? 'without response'}`;
}

function report(t: TestContext, { proxy, load }: Setting, grownMib: number): void {
  const failed = proxy.calls.filter((call) => call.fault.kind !== 'none').length;
  const answered = proxy.answerCounts().size;
  t.diagnostic(`${proxy.calls.length} calls, ${failed} of them disturbed`);
  t.diagnostic(`${proxy.delivered.size} messages arrived whole, ${answered} answered, ${load.outcomes.lost} lost`);
  t.diagnostic(`${grownMib.toFixed(0)} MiB more memory at the end than after the first part`);
}
