import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { JobsSetting } from '../../test/support/jobs-setting.ts';
import { TestClock } from '../../test/support/test-clock.ts';
import { orAborted } from '../lib/or-aborted.ts';

type Start = { isRunning: boolean; hasWaited: boolean };

/** A runtime whose `start` does not wait for the agent, and a clock that the test moves. */
async function setUp() {
  const setting = await JobsSetting.start();
  const clock = new TestClock();
  let agent = Promise.withResolvers<Start>();
  setting.timing = { sleep: clock.sleep };
  Object.assign(setting.runtime, {
    // The signal can be aborted already.
    whenRunning: (_job: unknown, signal: AbortSignal) => orAborted(agent.promise, signal),
  });
  await setting.restart();
  const starts = () => setting.logged.filter((line) => line.includes(' job started ')).length;
  /** Moves the clock by minutes. The first heartbeat after a restart only learns the version of the turn. */
  const heartbeatComes = async (record: Parameters<typeof setting.turnOf>[0]) => {
    const { Version } = setting.turnOf(record);
    await eventually(async () => {
      await clock.advance(60_000);
      return setting.turnOf(record).Version > Version;
    });
  };
  return {
    setting,
    clock,
    starts,
    heartbeatComes,
    settle: (start: Start) => agent.resolve(start),
    reset: () => {
      agent = Promise.withResolvers();
    },
    [Symbol.asyncDispose]: () => setting[Symbol.asyncDispose](),
  };
}

test('the turn of a job whose agent waits for its cluster gets heartbeats until the agent runs', async () => {
  await using given = await setUp();
  const { setting, clock } = given;
  const record = await setting.accept();
  await setting.running(record);
  for (let minute = 0; minute < 10; minute += 1) await given.heartbeatComes(record);
  assert.equal(given.starts(), 0);
  given.settle({ isRunning: true, hasWaited: true });
  await eventually(async () => given.starts() === 1);
  const { Version } = setting.turnOf(record);
  await clock.advance(10 * 60_000);
  assert.equal(setting.turnOf(record).Version, Version);
  setting.runtime.end(record.jobId, { exitCode: 3 });
  await setting.finished();
  assert.match(setting.failureOf(record), /exit code 3/);
});

test('heartbeats go on after a restart of the runner, and the start is logged once', async () => {
  await using given = await setUp();
  const { setting } = given;
  const record = await setting.accept();
  await setting.running(record);
  await setting.restart();
  await given.heartbeatComes(record);
  given.settle({ isRunning: true, hasWaited: true });
  await eventually(async () => given.starts() === 1);
  given.reset();
  given.settle({ isRunning: true, hasWaited: false });
  await setting.restart();
  setting.runtime.end(record.jobId);
  await setting.finished();
  assert.equal(given.starts(), 1);
});

test('an agent that never runs is not logged as started', async () => {
  await using given = await setUp();
  const { setting } = given;
  const record = await setting.accept();
  await setting.running(record);
  setting.runtime.end(record.jobId, { exitCode: undefined, startError: 'its pod did not start within 600 s' });
  await setting.finished();
  assert.equal(given.starts(), 0);
  assert.match(setting.failureOf(record), /its pod did not start within 600 s/);
});
