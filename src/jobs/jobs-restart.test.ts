import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting } from '../../test/support/jobs-setting.ts';

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

describe('after a restart', () => {
  test('a running job is watched and reported, and not started again', async () => {
    const record = await setting.accept();
    await setting.running(record);
    await setting.restart();
    assert.equal(setting.jobs.count, 1);
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.equal(setting.runtime.calls.filter((call) => call.startsWith('start')).length, 1);
    assert.match(setting.failureOf(record), /exit code 4/);
  });

  test('a job that was started but not yet recorded as such is not started again', async () => {
    const record = makeRecord();
    await setting.store.create(record, { request: '{}', agentToken: 'p42a_secret' });
    await setting.runtime.start({
      ...setting.store.paths(record.jobId),
      image: record.image,
      requestFile: '/dev/null',
      maxLogBytes: 2 ** 20,
    });
    await setting.restart();
    setting.runtime.end(record.jobId, { exitCode: 3 });
    await setting.finished();
    assert.equal(setting.runtime.calls.filter((call) => call.startsWith('start')).length, 1);
    assert.match(setting.failureOf(record), /exit code 3/);
  });

  test('a final status that could not be reported is reported', async () => {
    const record = await setting.accept();
    await setting.running(record);
    setting.server.down = true;
    setting.runtime.end(record.jobId, { exitCode: 9 });
    await eventually(async () => (await setting.store.readActive(record.jobId)).phase === 'ended');
    await setting.restart();
    setting.server.down = false;
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 9/);
  });

  test('a job that another runtime started stays with it', async () => {
    const record = makeRecord({ runtime: 'podman' });
    await setting.store.create(record, { request: '{}', agentToken: 'p42a_secret' });
    await setting.otherRuntime.start({
      ...setting.store.paths(record.jobId),
      image: record.image,
      requestFile: '/dev/null',
      maxLogBytes: 2 ** 20,
    });
    await setting.restart();
    setting.otherRuntime.end(record.jobId, { exitCode: 5 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 5/);
    assert.deepEqual(setting.otherRuntime.calls, [`start ${record.jobId}`, `remove ${record.jobId}`]);
    assert.deepEqual(setting.runtime.calls, []);
  });

  test('a waiting job runs on the new runtime if that was changed', async () => {
    const record = makeRecord({ runtime: 'podman' });
    const request = JSON.stringify({ Type: 'InvokeAgentRequest', Turn: setting.turnOf(record) });
    await setting.store.create(record, { request, agentToken: 'p42a_secret' });
    await setting.restart();
    await setting.running(record);
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.deepEqual(setting.otherRuntime.calls, []);
  });

  for (const [what, spoil] of Object.entries({
    'whose record is cut off': (folder: string) => writeFile(join(folder, 'job.json'), '{"recordVersion": 1, "job'),
    'whose record is empty': (folder: string) => writeFile(join(folder, 'job.json'), ''),
    'whose record is gone': (folder: string) => rm(join(folder, 'job.json')),
    'whose record has the wrong shape': (folder: string) => writeFile(join(folder, 'job.json'), '{"recordVersion": 2}'),
    'whose request is cut off': (folder: string) => writeFile(join(folder, 'request.json'), '{"GithubToken": "secret'),
    'whose agent token is gone': (folder: string) => rm(join(folder, 'agent-token')),
    'whose agent token is a folder': (folder: string) => putFolder(join(folder, 'agent-token')),
    'whose agent token is empty': (folder: string) => writeFile(join(folder, 'agent-token'), ''),
    'whose record is a folder': (folder: string) => putFolder(join(folder, 'job.json')),
    'whose request is a folder': (folder: string) => putFolder(join(folder, 'request.json')),
  })) {
    test(`a job ${what} does not stop the others, and is logged`, async () => {
      const [bad, good] = [makeRecord(), makeRecord()];
      for (const record of [bad, good])
        await setting.store.create(record, { request: '{}', agentToken: 'p42a_secret' });
      await spoil(setting.store.paths(bad.jobId).folder);
      await setting.restart();
      await setting.running(good);
      setting.runtime.end(good.jobId);
      await setting.finished();
      assert.match(setting.failureOf(good), /exit code 0/);
      const said = setting.logged.filter((line) => line.includes('cannot read files of job'));
      assert.equal(said.length, 1);
      assert.ok(said[0]?.includes(bad.jobId));
      assert.ok(!setting.logged.join('').includes('secret'));
      const isTokenLost = what.includes('token');
      assert.match(setting.failureOf(bad), isTokenLost ? /^$/ : /the runner’s files of the job are damaged/);
      assert.deepEqual(await setting.store.listActive(), []);
      const { damaged } = setting.store.folders;
      const [kept = ''] = await readdir(damaged);
      // The request is secret: none of it is kept.
      assert.ok(what.includes('request') ? kept === '' : kept.startsWith(bad.jobId));
      const names = (await readdir(join(damaged, kept))).filter((name) => /token|request|input/.test(name));
      assert.deepEqual(names, [], 'no secret is kept');
      assert.equal((await setting.store.readFinished(bad.jobId)).phase, 'ended');
    });
  }

  test('a running job whose record is damaged is watched until it exits', async () => {
    const record = await setting.accept();
    await setting.running(record);
    const { folder } = setting.store.paths(record.jobId);
    await writeFile(join(folder, 'container-id'), 'id');
    await setting.restart(undefined, () => writeFile(join(folder, 'job.json'), 'nonsense'));
    assert.equal((await setting.store.readActive(record.jobId).catch(() => undefined))?.phase ?? 'started', 'started');
    setting.runtime.end(record.jobId, { exitCode: 4 });
    await setting.finished();
    assert.match(setting.failureOf(record), /exit code 4/);
  });

  test('a file in the place of a job’s folder is moved aside', async () => {
    const { jobId } = makeRecord();
    await writeFile(join(setting.store.folders.active, jobId), 'stray');
    assert.deepEqual(await setting.store.listActive(), []);
    await setting.restart();
    const [kept = ''] = await readdir(setting.store.folders.damaged);
    assert.equal(await readFile(join(setting.store.folders.damaged, kept), 'utf8'), 'stray');
    assert.match(setting.logged.join('\n'), new RegExp(`moved file in place of job folder aside.*${jobId}`));
  });
});

async function putFolder(path: string): Promise<void> {
  await rm(path);
  await mkdir(path);
}

test('a job whose token cannot be sent ends, and becomes garbage', async () => {
  const record = makeRecord();
  await setting.store.create(record, { request: '{}', agentToken: 'p42a_\nsecret' });
  await setting.restart();
  await setting.running(record);
  setting.runtime.end(record.jobId, { exitCode: 0 });
  await setting.finished();
  assert.deepEqual(await setting.store.listFinished(), [record.jobId]);
  assert.deepEqual(await setting.store.listActive(), []);
});
