import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, pulling, untilAborted } from '../../test/support/jobs-setting.ts';
import { RuntimeError } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';
import { JobExistsError } from './store.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

describe('a job', () => {
  test('is pulled, started, watched, reported and removed', async () => {
    const record = await setting.accept();
    await setting.running(record);
    assert.deepEqual(setting.statusesOf(record), [pulling]);
    setting.runtime.end(record.jobId, { exitCode: 3, endedAt: new Date('2026-01-02T03:04:05Z') });
    await setting.finished();
    const { jobId, image } = record;
    assert.deepEqual(setting.runtime.calls, [`pull ${image}`, `start ${jobId}`, `remove ${jobId}`]);
    assert.equal(setting.turnOf(record).Status, 'Failed');
    assert.match(setting.failureOf(record), new RegExp(`exit code 3.*plan42 runner job logs ${jobId}`));
    assert.equal(setting.turnOf(record).CompletedAt, '2026-01-02T03:04:05.000Z');
    const kept: unknown = JSON.parse(
      await readFile(join(setting.dir.path, `state/jobs/finished/${jobId}.json`), 'utf8'),
    );
    assert.deepEqual(
      { ...(kept as JobRecord), startedAt: '', failure: '' },
      {
        ...record,
        arrival: 1,
        network: { mode: 'none', notes: [] },
        phase: 'ended',
        exitCode: 3,
        killed: false,
        startedAt: '',
        endedAt: '2026-01-02T03:04:05.000Z',
        endCode: 'exited',
        endText: 'exit code 3',
        failure: '',
      },
    );
  });

  test('is prepared while its status is reported, and launched after that', async () => {
    const { promise: reported, resolve: report } = Promise.withResolvers<void>();
    setting.server.beforeUpdate = () => reported;
    const record = await setting.accept();
    await eventually(async () => setting.runtime.prepared.includes(record.jobId));
    assert.equal(setting.isStarted(record), false);
    report();
    await setting.running(record);
    const [{ requestFile } = { requestFile: '' }] = setting.runtime.started;
    assert.equal(requestFile, setting.store.inputFile(record.jobId));
  });

  test('is not launched if its turn ends while it is prepared', async () => {
    setting.server.beforeUpdate = async () => {
      setting.turnOf(record).Status = 'Completed';
    };
    const record = makeRecord();
    await setting.accept(record);
    await setting.finished();
    assert.equal(setting.isStarted(record), false);
  });

  test('whose agent finished its turn is not reported', async () => {
    const record = await setting.accept();
    await setting.running(record);
    Object.assign(setting.turnOf(record), { Status: 'Completed', Version: 50 });
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.deepEqual(setting.statusesOf(record), [pulling]);
    assert.equal(setting.turnOf(record).Status, 'Completed');
  });

  test('is on disk once accepted, and rejected a second time', async () => {
    setting.runtime.onPull = untilAborted;
    const record = await setting.accept();
    assert.deepEqual(await setting.store.listActive(), [record.jobId]);
    await assert.rejects(setting.accept(record), JobExistsError);
    assert.equal(setting.jobs.count, 1);
    await setting.jobs.kill(record.jobId);
  });

  test('passes the agent the request with the newest turn and the connection', async () => {
    let input: Record<string, unknown> = {};
    setting.runtime.onStart = async ({ requestFile }) => {
      input = JSON.parse(await readFile(requestFile, 'utf8')) as Record<string, unknown>;
    };
    const record = await setting.accept(makeRecord(), { PrivateGithubConnectionID: 'C', New: { a: 1 } });
    await setting.running(record);
    assert.deepEqual(input['New'], { a: 1 });
    assert.equal(input['GithubToken'], 'ghp_own');
    assert.equal((input['Turn'] as { Status: string }).Status, pulling);
    const { folder } = setting.store.paths(record.jobId);
    assert.deepEqual((await readdir(folder)).toSorted(), ['agent-token', 'job.json']);
  });
});

describe('a job that its runtime has stopped', () => {
  const endOf = async (exit: Parameters<JobsSetting['runtime']['end']>[1]) => {
    const record = await setting.accept();
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 137, ...exit });
    await setting.finished();
    const { endCode, endText, failure = '' } = await setting.store.readFinished(record.jobId);
    return { endCode, endText, failure: failure.replace(/ Its log is on .*/, '') };
  };

  test('has the reason', async () => {
    const [reason, remedy] = ['its node evicted it', 'Use larger nodes.'];
    assert.deepEqual(await endOf({ stopped: { reason, remedy } }), {
      endCode: 'stopped',
      endText: reason,
      failure: `The agent was stopped: ${reason}. ${remedy}`,
    });
    assert.equal((await endOf({ stopped: { reason, code: 'wall-opened' } })).endCode, 'wall-opened');
    // Not a limit of the job.
    assert.equal((await endOf({ stopped: { reason }, reached: { limit: 'max_duration' } })).endCode, 'stopped');
  });

  test('has it in its log too, if the runtime writes logs itself', async () => {
    const lines: string[] = [];
    Object.assign(setting.runtime, { appendToLog: async (_: unknown, line: string) => void lines.push(line) });
    await endOf({ stopped: { reason: 'its pod was removed', code: 'removed' } });
    await endOf({ exitCode: undefined, unseenBecause: 'its Job was removed', unseenRemedy: 'Start it again.' });
    await endOf({ exitCode: 3 });
    assert.deepEqual(lines, [
      '[plan42: agent stopped: its pod was removed]',
      '[plan42: agent is gone: its Job was removed]',
    ]);
  });

  test('at a limit names the limit', async () => {
    await setting[Symbol.asyncDispose]();
    setting = await JobsSetting.start('[jobs]\nmax_jobs = 1\n[limits]\nmax_duration = "10s"\ndisk_gib = 0.5');
    Object.assign(setting.runtime, { holdsLimits: true });
    const stopped = { reason: 'it ran longer than the cluster allows' };
    const sentence = 'it ran for 12 s, and limits.max_duration is 10 s';
    const lines: string[] = [];
    Object.assign(setting.runtime, { appendToLog: async (_: unknown, line: string) => void lines.push(line) });
    assert.deepEqual(await endOf({ stopped, reached: { limit: 'max_duration', used: 12_000 } }), {
      endCode: 'limit-reached',
      endText: `limit reached: ${sentence}`,
      failure: `The agent was stopped at a limit: ${sentence}.`,
    });
    assert.match(
      (await endOf({ stopped, reached: { limit: 'disk_gib' } })).failure,
      /: it reached limits\.disk_gib, which is 512 MiB\.$/,
    );
    assert.deepEqual(lines, [
      `plan42: limits: limit reached: ${sentence}; SIGTERM at the limit, SIGKILL 30 s later`,
      'plan42: limits: limit reached: it reached limits.disk_gib, which is 512 MiB',
    ]);
  });
});

describe('a job that cannot be started', () => {
  test('fails its turn with the runtime’s error, and frees its slot', async () => {
    const message = 'cannot pull the image x: denied';
    setting.runtime.onPull = async () => {
      setting.runtime.onPull = async () => {};
      throw new RuntimeError(message);
    };
    const [record, next] = [await setting.accept(), await setting.accept()];
    await setting.running(next);
    await eventually(async () => setting.turnOf(record).Status === 'Failed');
    assert.match(setting.failureOf(record), new RegExp(message));
    assert.equal(setting.isStarted(record), false);
  });

  test('waits for a runtime that is down for a short time', async () => {
    setting.runtime.isReady = false;
    setting.runtime.onPull = async () => {
      if (!setting.runtime.isReady) throw new RuntimeError('cannot connect');
    };
    const record = await setting.accept();
    await eventually(async () => setting.logged.some((line) => line.includes('runtime not ready, waiting')));
    setting.runtime.isReady = true;
    await setting.running(record);
  });

  test('because a start of the previous run succeeded first is watched', async () => {
    setting.runtime.onStart = async ({ jobId }) => {
      setting.runtime.onStart = async () => {};
      await setting.runtime.start({
        ...setting.store.paths(jobId),
        image: '',
        requestFile: '/dev/null',
        maxLogBytes: 2 ** 20,
      });
      throw new RuntimeError('the job was started before');
    };
    const record = await setting.accept();
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 6 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 6/);
  });

  test('keeps no secret while the server is unreachable', async () => {
    setting.server.down = true;
    setting.runtime.onPull = async () => {
      throw new RuntimeError('denied');
    };
    const record = await setting.accept();
    await eventually(async () => (await setting.store.readActive(record.jobId)).phase === 'ended');
    await eventually(async () => (await readdir(setting.store.paths(record.jobId).folder)).length === 2);
    setting.server.down = false;
    await setting.finished();
    assert.match(setting.failureOf(record), /denied/);
  });

  test('is not started if its turn is already finished', async () => {
    const record = makeRecord();
    setting.turnOf(record).Status = 'Completed';
    await setting.accept(record);
    await setting.finished();
    assert.equal(setting.isStarted(record), false);
    assert.deepEqual(setting.statusesOf(record), []);
  });

  test('is not started if its turn is cancelled meanwhile', async () => {
    const record = makeRecord();
    Object.assign(setting.turnOf(record), { Status: 'Failed', ErrorMessage: 'cancelled by user', Version: 8 });
    // The request was written before that.
    await setting.accept(record, { Turn: { TaskId: record.taskId, TurnIndex: 1, Status: 'Pending', Version: 1 } });
    await setting.finished();
    assert.equal(setting.isStarted(record), false);
    assert.equal(setting.failureOf(record), 'cancelled by user');
  });
});

test('the final status is reported while the runtime cannot clean up, which it does later', async () => {
  const clean = Promise.withResolvers<void>();
  let failures = 0;
  setting.runtime.onRemove = async () => {
    failures += 1;
    if (failures === 1) throw new RuntimeError('the engine is gone');
    await clean.promise;
  };
  const record = await setting.accept();
  await setting.running(record);
  setting.runtime.end(record.jobId);
  await eventually(async () => setting.turnOf(record).Status === 'Failed');
  assert.deepEqual(await setting.store.listActive(), [record.jobId]);
  clean.resolve();
  await setting.finished();
  assert.deepEqual(await setting.store.listActive(), []);
});

test('a job that cannot be watched for a moment keeps running, and its own exit is reported', async () => {
  const { wait } = setting.runtime;
  let failures = 2;
  setting.runtime.wait = (...args) => {
    failures -= 1;
    return failures < 0 ? wait(...args) : Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }));
  };
  const record = await setting.accept();
  await eventually(async () => failures < 0);
  assert.deepEqual(
    setting.runtime.calls.filter((call) => /^(kill|remove)/.test(call)),
    [],
  );
  setting.runtime.end(record.jobId, { exitCode: 6 });
  await setting.finished();
  assert.match(setting.failureOf(record), /exit code 6/);
  assert.equal(setting.logged.filter((line) => line.includes('cannot watch job, retrying')).length, 1);
});

test('the final status of a job whose folder was deleted is reported all the same', async () => {
  const record = await setting.accept();
  await setting.running(record);
  await rm(setting.store.paths(record.jobId).folder, { recursive: true });
  setting.runtime.end(record.jobId, { exitCode: 6 });
  await setting.finished();
  assert.match(setting.failureOf(record), /exit code 6/);
  assert.equal((await setting.store.readFinished(record.jobId)).exitCode, 6);
  assert.ok(setting.runtime.calls.includes(`remove ${record.jobId}`));
});

test('a job’s container is removed while the server is unreachable', async () => {
  const record = await setting.accept();
  await setting.running(record);
  setting.server.down = true;
  setting.runtime.end(record.jobId);
  await eventually(async () => setting.runtime.calls.includes(`remove ${record.jobId}`));
  setting.server.down = false;
  await setting.finished();
  assert.equal(setting.turnOf(record).Status, 'Failed');
});
