import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, pulling, untilAborted, waiting } from '../../test/support/jobs-setting.ts';
import { RuntimeError } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

const isLogged = (event: string) => setting.logged.some((line) => line.includes(` ${event} `));

/** Steps in the life of a job. Each brings a new job to that step, where it stays until it is killed or released. */
interface Step {
  name: string;
  reach: () => Promise<JobRecord>;
  release: (record: JobRecord) => void;
}

const steps: Step[] = [
  {
    name: 'waiting for slot',
    reach: async () => {
      const first = await setting.accept();
      await setting.running(first);
      const record = await setting.accept();
      await eventually(async () => setting.statusesOf(record).includes(waiting));
      return record;
    },
    release: () => setting.runtime.end(setting.runtime.started[0]?.jobId ?? ''),
  },
  {
    name: 'pulling image',
    reach: async () => {
      setting.runtime.onPull = untilAborted;
      const record = await setting.accept();
      await eventually(async () => setting.statusesOf(record).includes(pulling) && setting.runtime.calls.length > 0);
      return record;
    },
    release: () => {
      setting.runtime.onPull = async () => {};
    },
  },
  {
    name: 'running',
    reach: async () => {
      const record = await setting.accept();
      await setting.running(record);
      return record;
    },
    release: () => {},
  },
];

describe('a job runs through its steps', () => {
  test('in order, and logs each', async () => {
    const record = await setting.accept();
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 3 });
    await setting.finished();
    const { jobId, image } = record;
    assert.deepEqual(setting.runtime.calls, [`pull ${image}`, `start ${jobId}`, `remove ${jobId}`]);
    const events = ['job started', 'agent exited', 'job finished'];
    const logged = setting.logged.flatMap((line) => events.filter((event) => line.includes(event)));
    assert.deepEqual(logged, events);
    assert.match(setting.failureOf(record), /exit code 3/);
    assert.deepEqual(await setting.store.listActive(), []);
    assert.deepEqual(await setting.store.listFinished(), [jobId]);
  });
});

describe('a failure', () => {
  for (const [step, fail, message] of [
    ['to pull', () => (setting.runtime.onPull = rejected('manifest unknown')), /manifest unknown\.$/],
    ['to start', () => (setting.runtime.onStart = rejected('no such runtime')), /no such runtime\.$/],
    ['to write its input', () => (setting.store.writeInput = rejectedWith('ENOSPC')), /no space left/],
    ['because its request is missing', () => (setting.store.readRequest = async () => undefined), /request .*missing/],
  ] as const) {
    test(`${step} fails the turn and frees the slot`, async () => {
      fail();
      const record = await setting.accept();
      await setting.finished();
      assert.match(setting.failureOf(record), message);
      assert.deepEqual(await setting.runtime.listRunning(), []);
      assert.ok(isLogged('job failed'));
      assert.equal(setting.jobs.counts.running, 0);
      assert.deepEqual(await setting.store.listFinished(), [record.jobId]);
    });
  }

  test('to write the record does not stop the job, and the result is saved later', async () => {
    const update = setting.store.update.bind(setting.store);
    let failures = 0;
    setting.store.update = async (record) => {
      if (failures < 3) {
        failures += 1;
        throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
      }
      await update(record);
    };
    const record = await setting.accept();
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.equal((await setting.store.readFinished(record.jobId)).exitCode, 4);
    assert.ok(isLogged('cannot save job result, retrying'));
  });

  test('to remove the job from the runtime is retried until it succeeds', async () => {
    let attempts = 0;
    setting.runtime.onRemove = async () => {
      attempts += 1;
      if (attempts === 1) throw new RuntimeError('the engine is down');
    };
    const record = await setting.accept();
    await setting.running(record);
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.equal(attempts, 2);
    assert.ok(isLogged('cannot remove job from runtime, retrying'));
  });
});

describe('a job that is killed while', () => {
  for (const { name, reach } of steps) {
    test(`${name} fails its turn as killed`, async () => {
      const record = await reach();
      assert.equal(await setting.jobs.kill(record.jobId), true);
      await eventually(async () => !setting.jobs.has(record.jobId));
      assert.match(setting.failureOf(record), /^The agent was killed by user/);
      assert.equal((await setting.store.readFinished(record.jobId)).killed, true);
      assert.ok(!(await setting.runtime.listRunning()).includes(record.jobId));
    });
  }

  test('its final status is reported keeps that status', async () => {
    const record = await setting.accept();
    await setting.running(record);
    setting.server.down = true;
    setting.runtime.end(record.jobId, { exitCode: 5 });
    await eventually(async () => setting.runtime.calls.includes(`remove ${record.jobId}`));
    assert.equal(await setting.jobs.kill(record.jobId), true);
    setting.server.down = false;
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 5/);
  });
});

describe('a job whose runner restarts while it is', () => {
  for (const { name, reach, release } of steps) {
    test(`${name} runs to its end, started once`, async () => {
      const record = await reach();
      await setting.restart(undefined, async () => release(record));
      await setting.running(record);
      setting.runtime.end(record.jobId, { exitCode: 6 });
      await eventually(async () => !setting.jobs.has(record.jobId));
      assert.match(setting.failureOf(record), /exit code 6/);
      assert.equal(setting.runtime.calls.filter((call) => call === `start ${record.jobId}`).length, 1);
    });
  }

  test('being reported is reported by the next run', async () => {
    const record = await setting.accept(makeRecord());
    await setting.running(record);
    setting.server.down = true;
    setting.runtime.end(record.jobId, { exitCode: 7 });
    await eventually(async () => setting.runtime.calls.includes(`remove ${record.jobId}`));
    await setting.restart(undefined, async () => {
      setting.server.down = false;
    });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 7/);
  });
});

const rejected = (message: string) => async () => {
  throw new RuntimeError(message);
};

const rejectedWith = (code: string) => async (): Promise<never> => {
  throw Object.assign(new Error(code), { code });
};
