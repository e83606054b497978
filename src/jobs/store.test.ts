import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { makeRecord } from '../../test/support/job-record.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { JobExistsError, JobStore } from './store.ts';

const secrets = { request: '{"the": "secret request"}', agentToken: 'p42a_secret' };

let dir: TempDir;
let store: JobStore;
let active: string;
let finished: string;

const open = () => JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

beforeEach(async () => {
  dir = await makeTempDir();
  store = await open();
  active = join(dir.path, 'state/jobs/active');
  finished = join(dir.path, 'state/jobs/finished');
});
afterEach(() => dir[Symbol.asyncDispose]());

describe('the job store', () => {
  test('keeps a job for the next start', async () => {
    const record = makeRecord({ title: 'with "quotes" and é' });
    await store.create(record, secrets);
    const again = await open();
    assert.deepEqual(await again.listActive(), [record.jobId]);
    assert.deepEqual(await again.readActive(record.jobId), record);
    assert.equal(await again.readRequest(record.jobId), secrets.request);
    assert.equal(await again.readAgentToken(record.jobId), secrets.agentToken);
  });

  test('rejects a job that exists, without changing it', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    const other = { request: '{}', agentToken: 'other' };
    await assert.rejects(store.create({ ...record, title: 'other' }, other), JobExistsError);
    assert.equal((await store.readActive(record.jobId)).title, record.title);
    assert.equal(await store.readAgentToken(record.jobId), secrets.agentToken);
    assert.deepEqual(await readdir(active), [record.jobId]);
  });

  test('creates a job once if it is requested several times at once', async () => {
    const record = makeRecord();
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => store.create(record, secrets)));
    const failures = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason as unknown] : []));
    assert.equal(failures.length, 7);
    for (const failure of failures) assert.ok(failure instanceof JobExistsError, `${failure}`);
    assert.deepEqual(await store.readActive(record.jobId), record);
    assert.deepEqual(await readdir(active), [record.jobId]);
  });

  test('creates a finished job again', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    await store.finish({ ...record, phase: 'ended' });
    await store.create(record, secrets);
    assert.deepEqual(await store.listActive(), [record.jobId]);
  });

  test('ignores leftovers of a crash, and removes them', async () => {
    const { jobId } = makeRecord();
    const leftovers = [`${jobId}.draft`, `${jobId}.3f2504e0-4f89-41d3-9a0c-0305e82c3301.draft`];
    for (const name of leftovers) {
      await mkdir(join(active, name));
      await writeFile(join(active, name, 'agent-token'), 'p42a_secret');
    }
    assert.deepEqual(await store.listActive(), []);
    await open();
    assert.deepEqual(await readdir(active), []);
  });

  test('is readable by its owner only', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    await store.writeInput(record.jobId, '{}');
    await store.markKilled(record.jobId);
    const { folder } = store.paths(record.jobId);
    for (const path of [active, finished, folder, join(dir.path, 'logs'), join(dir.path, 'state')]) {
      assert.equal(await modeOf(path), 0o700, path);
    }
    for (const name of await readdir(folder)) assert.equal(await modeOf(join(folder, name)), 0o600, name);
    await store.finish(record);
    for (const name of await readdir(finished)) assert.equal(await modeOf(join(finished, name)), 0o600, name);
  });

  test('has no secrets once a job is finished', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    await store.writeInput(record.jobId, secrets.request);
    await store.finish({ ...record, phase: 'ended' });
    assert.deepEqual(await store.listActive(), []);
    const files = await readdir(dir.path, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      assert.doesNotMatch(await readFile(join(file.parentPath, file.name), 'utf8'), /secret/, file.name);
    }
    assert.deepEqual(await readdir(active), []);
    assert.deepEqual(await readdir(finished), [`${record.jobId}.json`]);
  });

  test('removes only the request and the input once the agent has its input', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    const path = await store.writeInput(record.jobId, 'input');
    assert.equal(await readFile(path, 'utf8'), 'input');
    await store.removeInput(record.jobId);
    await store.removeInput(record.jobId);
    assert.equal(await store.readRequest(record.jobId), undefined);
    await assert.rejects(readFile(path));
    assert.equal(await store.readAgentToken(record.jobId), secrets.agentToken);
  });

  test('removes an input that a crash left half written', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    const { folder } = store.paths(record.jobId);
    for (const name of ['request.json.0f.tmp', 'input.json.1f.tmp', 'variables', 'variables.2f.tmp'])
      await writeFile(join(folder, name), 'secret');
    await store.removeInput(record.jobId);
    assert.deepEqual((await readdir(folder)).toSorted(), ['agent-token', 'job.json']);
  });

  test('keeps the log of a finished job', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    const { logFile } = store.paths(record.jobId);
    await writeFile(logFile, 'a line\n');
    await store.finish({ ...record, phase: 'ended' });
    assert.deepEqual(await readdir(join(dir.path, 'logs')), [`${record.jobId}.log`]);
  });

  test('saves a kill request', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    assert.equal(await store.isKilled(record.jobId), false);
    await store.markKilled(record.jobId);
    assert.equal(await (await open()).isKilled(record.jobId), true);
  });

  test('rejects an invalid record', async () => {
    const record = makeRecord();
    await store.create(record, secrets);
    const path = join(store.paths(record.jobId).folder, 'job.json');
    for (const text of ['', '{}', 'null', JSON.stringify({ ...record, phase: 'dreaming' })]) {
      await writeFile(path, text);
      await assert.rejects(store.readActive(record.jobId), JSON.stringify(text));
    }
  });
});
