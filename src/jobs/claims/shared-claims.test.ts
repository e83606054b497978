import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.ts';
import { FakeReplicas } from '../../../test/support/fake-replicas.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { JobsSetting } from '../../../test/support/jobs-setting.ts';
import { exists } from '../../lib/files.ts';
import type { JobRecord } from '../record.ts';
import { JobExistsError } from '../store.ts';

let setting: JobsSetting;
let replicas: FakeReplicas;

beforeEach(async () => {
  setting = await JobsSetting.start();
  replicas = new FakeReplicas();
  Object.assign(setting.runtime, { replicas });
  await setting.restart();
});
afterEach(() => setting[Symbol.asyncDispose]());

const shared = ({ jobId }: JobRecord) => JSON.parse(replicas.records.get(jobId) ?? '{}');
const isHere = async ({ jobId }: JobRecord) => setting.store.isActive(jobId);

/** Returns the record of a job as another replica saves it. */
function saved(record: JobRecord, fields: object = {}): string {
  const { taskId: TaskId, turnIndex: TurnIndex } = record;
  const request = JSON.stringify({
    Type: 'InvokeAgentRequest',
    Turn: { TaskId, TurnIndex, ...setting.turnOf(record) },
  });
  return JSON.stringify({
    version: 1,
    record: { ...record, shared: true },
    agentToken: 'p42a_secret',
    request,
    ...fields,
  });
}

describe('jobs that replicas share', () => {
  test('a job is saved before it is accepted, without its request once it runs, and with its end', async () => {
    const record = await setting.accept();
    assert.equal(shared(record).record.phase, 'accepted');
    assert.match(shared(record).request, /InvokeAgentRequest/);
    await setting.running(record);
    await eventually(async () => shared(record).record.phase === 'started');
    assert.equal(shared(record).request, undefined);
    replicas.isCertain = false;
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await delay(100);
    assert.equal(setting.failureOf(record), '');
    assert.ok(!setting.runtime.calls.includes(`remove ${record.jobId}`));
    replicas.isCertain = true;
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 4/);
    assert.equal(replicas.records.size, 0);
  });

  test('a job that another replica has is not accepted', async () => {
    const record = makeRecord();
    replicas.others.add(record.jobId);
    await assert.rejects(setting.accept(record), JobExistsError);
    assert.equal(await isHere(record), false);
  });

  test('a job that is accepted while records cannot be created starts once it has one', async () => {
    replicas.isReachable = false;
    const record = await setting.accept();
    assert.equal(await isHere(record), true);
    assert.equal(setting.jobs.freeSlots, 0);
    await assert.rejects(setting.accept(record), JobExistsError);
    await delay(1200);
    assert.equal(setting.isStarted(record), false);
    replicas.isReachable = true;
    await setting.running(record);
    await eventually(async () => shared(record).record.phase === 'started');
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 4/);
    assert.equal(replicas.records.size, 0);
    assert.equal(setting.jobs.freeSlots, 1);
  });

  test('so does one whose runner is restarted meanwhile', async () => {
    replicas.isReachable = false;
    const record = await setting.accept();
    await setting.restart();
    assert.equal(await isHere(record), true);
    await delay(1200);
    assert.equal(setting.isStarted(record), false);
    replicas.isReachable = true;
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 4/);
  });

  test('one that cannot be marked on the disk is not accepted, and can be later', async () => {
    replicas.isReachable = false;
    const mark = setting.store.noteUnclaimed;
    setting.store.noteUnclaimed = () => Promise.reject(new Error('ENOSPC'));
    const record = makeRecord();
    await assert.rejects(setting.accept(record), /ENOSPC/);
    assert.equal(await isHere(record), false);
    setting.store.noteUnclaimed = mark;
    replicas.isReachable = true;
    await setting.accept(record);
    await setting.running(record);
  });

  test('one that another replica turns out to have is left alone', async () => {
    replicas.isReachable = false;
    const record = await setting.accept();
    replicas.others.add(record.jobId);
    replicas.isReachable = true;
    await eventually(async () => !(await isHere(record)) && setting.jobs.count === 0);
    assert.equal(setting.isStarted(record), false);
    assert.equal(setting.failureOf(record), '');
  });

  test('one that is killed meanwhile ends once it has a record', async () => {
    replicas.isReachable = false;
    const record = await setting.accept();
    assert.equal(await setting.jobs.kill(record.jobId), true);
    replicas.isReachable = true;
    await setting.finished();
    assert.match(setting.failureOf(record), /killed by user before it started/);
    assert.equal(setting.isStarted(record), false);
  });

  test('a job that another replica has taken is left alone, and not reported', async () => {
    const record = await setting.accept();
    await setting.running(record);
    await writeFile(setting.store.paths(record.jobId).logFile, 'line 1\n');
    replicas.lose(record.jobId);
    await eventually(async () => !(await isHere(record)) && setting.jobs.count === 0);
    assert.equal(setting.failureOf(record), '');
    assert.ok(!setting.runtime.calls.includes(`remove ${record.jobId}`));
    assert.equal(await exists(setting.store.paths(record.jobId).logFile), false);
  });

  test('one that is taken after its end keeps its log, also if this replica takes it again', async () => {
    const record = await setting.accept();
    await setting.running(record);
    const { logFile } = setting.store.paths(record.jobId);
    await writeFile(logFile, 'line 1\n');
    replicas.isCertain = false;
    setting.runtime.end(record.jobId, { exitCode: 4 });
    const isEnded = async () => (await setting.store.readActive(record.jobId)).phase === 'ended';
    await eventually(isEnded);
    const content = JSON.stringify({ ...shared(record), record: await setting.store.readActive(record.jobId) });
    replicas.lose(record.jobId);
    await eventually(async () => !(await isHere(record)) && setting.jobs.count === 0);
    assert.equal(setting.failureOf(record), '');
    assert.equal((await setting.store.readFinished(record.jobId)).endCode, 'exited');
    assert.equal(await readFile(logFile, 'utf8'), 'line 1\n');
    replicas.isCertain = true;
    replicas.take(record.jobId, content);
    await eventually(async () => setting.failureOf(record) !== '' && setting.jobs.count === 0);
    assert.equal(await readFile(logFile, 'utf8'), 'line 1\n');
  });

  test('so does one that is taken while the runner does not run', async () => {
    const ended = { ...makeRecord(), shared: true, phase: 'ended', endCode: 'exited' } as const;
    await setting.store.create(ended, { request: '{}', agentToken: 'p42a_secret' });
    const { logFile } = setting.store.paths(ended.jobId);
    await writeFile(logFile, 'line 1\n');
    await setting.restart();
    assert.equal(await isHere(ended), false);
    assert.equal(setting.failureOf(ended), '');
    assert.deepEqual(await setting.store.listFinished(), [ended.jobId]);
    assert.equal(await readFile(logFile, 'utf8'), 'line 1\n');
  });

  test('a job of a replica that stopped is started, with an empty disk', async () => {
    const record = makeRecord();
    replicas.take(record.jobId, saved(record));
    await setting.running(record);
    setting.runtime.end(record.jobId, { exitCode: 5 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 5/);
  });

  test('a request that is too large to be saved fails its turn if its replica is lost', async () => {
    replicas.maxLength = 100;
    const accepted = await setting.accept();
    assert.equal(shared(accepted).request, undefined);
    const { omittedBytes } = shared(accepted);
    assert.ok(omittedBytes > 0);
    const record = makeRecord();
    replicas.take(record.jobId, saved(record, { request: undefined, omittedBytes: 3 * 2 ** 20 }));
    await eventually(async () => setting.failureOf(record) !== '');
    assert.match(setting.failureOf(record), /^The agent was not started: .* a request of 3.0 MiB is too large/);
    setting.runtime.end(accepted.jobId);
    await setting.finished();
  });

  test('after a restart, jobs that others have taken are gone, and own ones continue from the disk', async () => {
    const [own, lost, continued] = [makeRecord(), makeRecord(), makeRecord()];
    for (const { jobId } of [own, lost, continued]) {
      const record = { ...makeRecord(), jobId, shared: true } as const;
      await setting.store.create(record, { request: '{}', agentToken: 'p42a_secret' });
    }
    const free = (record: JobRecord, isOwn: boolean) =>
      replicas.free.set(record.jobId, { content: saved({ ...record, phase: 'ended', failure: 'saved' }), isOwn });
    free(own, true);
    free(continued, false);
    await setting.restart();
    assert.equal(await isHere(lost), false);
    assert.equal(setting.failureOf(lost), '');
    await eventually(async () => setting.failureOf(continued) === 'saved');
    await setting.running(own);
    setting.runtime.end(own.jobId);
    await setting.finished();
  });

  test('after a restart, a job whose record a user has deleted is saved again and continues', async () => {
    const record = await setting.accept();
    await setting.running(record);
    await eventually(async () => shared(record).record?.phase === 'started');
    replicas.records.clear();
    replicas.deleted.add(record.jobId);
    await setting.restart();
    assert.equal(shared(record).record.phase, 'started');
    assert.equal(shared(record).request, undefined);
    assert.equal(shared(record).agentToken, 'p42a_secret');
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 4/);
    assert.equal(replicas.records.size, 0);
  });
});
