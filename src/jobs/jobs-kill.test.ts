import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, untilAborted } from '../../test/support/jobs-setting.ts';
import { RuntimeError } from '../runtimes/runtime.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

describe('a kill', () => {
  test('before the start prevents it', async () => {
    const pull = Promise.withResolvers<void>();
    setting.runtime.onPull = () => pull.promise;
    const record = await setting.accept();
    await eventually(async () => setting.runtime.calls.length > 0);
    assert.equal(await setting.jobs.kill(record.jobId), true);
    pull.resolve();
    await setting.finished();
    assert.equal(setting.isStarted(record), false);
    assert.match(setting.failureOf(record), /killed by user/);
  });

  test('during the start takes effect as soon as the job has started', async () => {
    const start = Promise.withResolvers<void>();
    setting.runtime.onStart = () => start.promise;
    const record = await setting.accept();
    await setting.started(record);
    await setting.jobs.kill(record.jobId);
    start.resolve();
    await setting.finished();
    assert.deepEqual(await setting.runtime.listRunning(), []);
    assert.match(setting.failureOf(record), /killed by user/);
  });

  test('of a running job is reported', async () => {
    const record = await setting.accept();
    await setting.running(record);
    assert.equal(await setting.jobs.kill(record.jobId), true);
    await setting.finished();
    assert.match(setting.failureOf(record), /killed by user/);
  });

  test('of an unknown job does nothing', async () => {
    assert.equal(await setting.jobs.kill(makeRecord().jobId), false);
    assert.deepEqual(setting.runtime.calls, []);
  });

  test('while it waits for a slot frees no slot and starts nothing', async () => {
    const [a, b] = [await setting.accept(), await setting.accept()];
    await setting.running(a);
    await setting.jobs.kill(b.jobId);
    await eventually(async () => setting.jobs.count === 1);
    assert.equal(setting.isStarted(b), false);
    assert.deepEqual(await setting.runtime.listRunning(), [a.jobId]);
  });

  test('that the runtime fails is retried', async () => {
    let failures = 0;
    setting.runtime.onKill = async () => {
      failures += 1;
      if (failures === 1) throw new RuntimeError('the engine is down');
    };
    const record = await setting.accept();
    await setting.running(record);
    assert.equal(await setting.jobs.kill(record.jobId), true);
    await setting.finished();
    assert.match(setting.failureOf(record), /killed by user/);
    assert.equal(setting.logged.filter((line) => line.includes('cannot kill job, retrying')).length, 1);
  });

  test('during the start that the runtime fails is retried', async () => {
    const start = Promise.withResolvers<void>();
    setting.runtime.onStart = () => start.promise;
    const record = await setting.accept();
    await setting.started(record);
    await setting.jobs.kill(record.jobId);
    let failures = 0;
    setting.runtime.onKill = async () => {
      failures += 1;
      if (failures === 1) throw new RuntimeError('the engine is down');
    };
    start.resolve();
    await setting.finished();
    assert.equal(failures, 2);
    assert.match(setting.failureOf(record), /killed by user/);
  });

  test('that cannot be saved takes effect all the same', async () => {
    const record = await setting.accept();
    await setting.running(record);
    // Not even root can write below a device.
    setting.store.markKilled = async () => {
      await writeFile('/dev/null/killed', '');
    };
    await setting.jobs.kill(record.jobId);
    await setting.finished();
    assert.match(setting.failureOf(record), /killed by user/);
  });
});

describe('a kill request from the previous run', () => {
  test('ends a running job', async () => {
    const record = await setting.accept();
    await setting.running(record);
    await setting.store.markKilled(record.jobId);
    await setting.restart();
    await setting.finished();
    assert.match(setting.failureOf(record), /killed by user/);
  });

  test('prevents the start of a waiting job', async () => {
    setting.runtime.onPull = untilAborted;
    const record = await setting.accept();
    await setting.store.markKilled(record.jobId);
    await setting.restart();
    await setting.finished();
    assert.equal(setting.isStarted(record), false);
    assert.match(setting.failureOf(record), /killed by user/);
  });
});
