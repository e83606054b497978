import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, pulling, waiting } from '../../test/support/jobs-setting.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

describe('slots', () => {
  test('are given out in the order of acceptance, and those who wait say so', async () => {
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

describe('after a restart', () => {
  test('running jobs keep their slots, before any that waits', async () => {
    await setting.restart('jobs.max_jobs = 2');
    const [a, b, c] = [await setting.accept(), await setting.accept(), await setting.accept()];
    await setting.running(a);
    await setting.running(b);
    await setting.restart('jobs.max_jobs = 1');
    setting.runtime.end(a.jobId);
    await eventually(async () => setting.jobs.count === 2);
    assert.equal(setting.isStarted(c), false);
  });

  test('jobs that wait go on in the order of their acceptance', async () => {
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
