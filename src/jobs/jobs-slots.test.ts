import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, pulling, waiting } from '../../test/support/jobs-setting.ts';
import { RuntimeError } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';
import type { JobSecrets } from './store.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

describe('slots', () => {
  test('are given out in the order of acceptance, and waiting jobs set a status', async () => {
    const [a, b, c] = [await setting.accept(), await setting.accept(), await setting.accept()];
    await setting.running(a);
    for (const record of [b, c]) await eventually(async () => setting.statusesOf(record).includes(waiting));
    assert.deepEqual([setting.isStarted(b), setting.isStarted(c)], [false, false]);
    setting.runtime.end(a.jobId);
    await setting.running(b);
    assert.equal(setting.isStarted(c), false);
    assert.deepEqual(setting.statusesOf(b), [waiting, pulling]);
    setting.runtime.end(b.jobId);
    await setting.running(c);
  });
});

test('slots are given out in the order of arrival, however long the disk takes for each job', async (t) => {
  const records = [makeRecord(), makeRecord(), makeRecord()];
  const [first, second, third] = records as [JobRecord, JobRecord, JobRecord];
  const create = setting.store.create.bind(setting.store);
  const firstMayBeWritten = Promise.withResolvers<void>();
  t.mock.method(setting.store, 'create', async (record: JobRecord, secrets: JobSecrets) => {
    if (record.jobId === first.jobId) await firstMayBeWritten.promise;
    await create(record, secrets);
    if (record.jobId === third.jobId) firstMayBeWritten.resolve();
  });
  await Promise.all(records.map((record) => setting.accept(record)));
  for (const record of [first, second, third]) {
    await setting.running(record);
    setting.runtime.end(record.jobId);
  }
  const starts = setting.runtime.calls.filter((call) => call.startsWith('start'));
  assert.deepEqual(
    starts,
    [first, second, third].map(({ jobId }) => `start ${jobId}`),
  );
});

test('containers are created one after the other, each as soon as the one before is there', async () => {
  setting.timing = { startsAtOnce: 1 };
  await setting.restart('jobs.max_jobs = 3');
  const mayStart = [0, 1, 2].map(() => Promise.withResolvers<void>());
  let [begun, atOnce, mostAtOnce] = [0, 0, 0];
  setting.runtime.onStart = async () => {
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    await mayStart[begun++]?.promise;
    atOnce -= 1;
  };
  const records = [await setting.accept(), await setting.accept(), await setting.accept()];
  for (const [index, { resolve }] of mayStart.entries()) {
    await eventually(async () => begun === index + 1);
    // The others have done everything else.
    await eventually(async () => setting.runtime.prepared.length === records.length);
    resolve();
  }
  for (const record of records) await setting.running(record);
  assert.equal(mostAtOnce, 1);
});

test('a container that is not created in ten seconds does not keep others from being created', async (t) => {
  setting.timing = { startsAtOnce: 1 };
  await setting.restart('jobs.max_jobs = 2');
  const never = Promise.withResolvers<void>();
  setting.runtime.onStart = () => never.promise;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [first, second] = [await setting.accept(), await setting.accept()];
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  while (!setting.isStarted(first) || setting.runtime.prepared.length < 2) await tick();
  assert.equal(setting.isStarted(second), false);
  t.mock.timers.tick(10_000);
  while (!setting.isStarted(second)) await tick();
  t.mock.timers.reset();
  never.resolve();
});

test('a job that cannot start, or is killed before, lets the next one start', async () => {
  setting.timing = { startsAtOnce: 1 };
  await setting.restart('jobs.max_jobs = 3');
  const mayFail = Promise.withResolvers<void>();
  setting.runtime.onStart = async () => {
    await mayFail.promise;
    throw new RuntimeError('no space');
  };
  const first = await setting.accept();
  await setting.started(first);
  const second = await setting.accept();
  await eventually(async () => setting.runtime.prepared.includes(second.jobId));
  await setting.jobs.kill(second.jobId);
  await eventually(async () => setting.jobs.count === 1);
  mayFail.resolve();
  await setting.finished();
  assert.match(setting.failureOf(first), /no space/);
  setting.runtime.onStart = async () => {};
  await setting.running(await setting.accept());
});

describe('after a restart', () => {
  test('jobs accepted at the same moment, or before the clock was set back, keep their order', async () => {
    const hold = await setting.accept();
    await setting.running(hold);
    const later = (digit: string, acceptedAt: string) =>
      makeRecord({ taskId: `${digit}f2504e0-4f89-41d3-9a0c-0305e82c3301`, acceptedAt });
    const moment = '2026-01-03T00:00:00Z';
    const records = [later('f', moment), later('7', moment), later('0', moment), later('8', '2026-01-01T00:00:00Z')];
    for (const record of records) await setting.accept(record);
    await setting.restart();
    for (const record of [hold, ...records]) {
      await setting.running(record);
      setting.runtime.end(record.jobId);
    }
    await setting.finished();
  });

  test('running jobs keep their slots, before any waiting job', async () => {
    await setting.restart('jobs.max_jobs = 2');
    const [a, b, c] = [await setting.accept(), await setting.accept(), await setting.accept()];
    await setting.running(a);
    await setting.running(b);
    await setting.restart('jobs.max_jobs = 1');
    setting.runtime.end(a.jobId);
    await eventually(async () => setting.jobs.count === 2);
    assert.equal(setting.isStarted(c), false);
  });

  test('waiting jobs continue in the order of acceptance', async () => {
    const hold = await setting.accept();
    await setting.running(hold);
    const later = (digit: string, day: number) =>
      makeRecord({ taskId: `${digit}f2504e0-4f89-41d3-9a0c-0305e82c3301`, acceptedAt: `2026-01-0${day}T00:00:00Z` });
    const [f, zero, seven] = [later('f', 1), later('0', 2), later('7', 3)];
    for (const record of [f, zero, seven]) await setting.accept(record);
    await setting.restart();
    for (const record of [hold, f, zero, seven]) {
      await setting.running(record);
      setting.runtime.end(record.jobId);
      await eventually(async () => setting.turnOf(record).Status === 'Failed');
    }
    const starts = setting.runtime.calls.filter((call) => call.startsWith('start'));
    assert.deepEqual(
      starts,
      [hold, f, zero, seven].map(({ jobId }) => `start ${jobId}`),
    );
  });
});
