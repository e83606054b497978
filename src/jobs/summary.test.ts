import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { makeRecord } from '../../test/support/job-record.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { ApiError, ConnectionError } from '../plan42/errors.ts';
import { launch } from '../shim/shim.ts';
import type { JobRecord } from './record.ts';
import { JobStore } from './store.ts';
import { hasEnded, inListOrder, listJobs } from './summary.ts';
import { fillTitles } from './titles.ts';

let dir: TempDir;
let store: JobStore;
let running: string[];
let asked: string[];
beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(dir.path, join(dir.path, 'logs'));
  [running, asked] = [[], []];
});
afterEach(() => dir[Symbol.asyncDispose]());

const runtimeOf = async ({ runtime }: JobRecord) => {
  asked.push(runtime);
  return { listRunning: async () => running };
};
const list = async (all = false) => inListOrder(await listJobs({ store, all, runtimeOf }));
const states = async (all = false) => (await list(all)).map(({ jobId, state }) => [jobId, state]);

async function add(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = makeRecord(fields);
  await store.create(record, { request: '{}', agentToken: 't' });
  return record;
}

async function addFinished(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = await add({ phase: 'ended', ...fields });
  await store.finish(record);
  return record;
}

/** Under a real supervisor, which runs a command until the returned function ends it. */
async function start({ jobId }: JobRecord): Promise<() => Promise<void>> {
  const { folder } = store.paths(jobId);
  const requestFile = await store.writeInput(jobId, '');
  const pidFile = join(dir.path, `${jobId}.pid`);
  const command = ['/bin/sh', '-c', `echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 60`];
  await launch({
    job: { ...store.paths(jobId), requestFile, maxLogBytes: 2 ** 20 },
    command,
    env: process.env,
    cwd: folder,
  });
  const pid = await untilThere(() => readFile(pidFile, 'utf8'));
  return async () => {
    process.kill(Number(pid));
    await untilThere(async () => {
      if ((await states()).find(([id]) => id === jobId)?.[1] === 'running') throw new Error('it still runs');
    });
  };
}

async function untilThere<T>(get: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await get();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

describe('the list of jobs', () => {
  test('has the state of each, without asking a runtime', async () => {
    const job = await add();
    assert.deepEqual(await states(), [[job.jobId, 'waiting']]);
    const end = await start(job);
    assert.deepEqual(await states(), [[job.jobId, 'running']]);
    await end();
    assert.deepEqual(await states(), [[job.jobId, 'ended']]);
    await store.finish({ ...job, phase: 'ended' });
    assert.deepEqual(await states(), []);
    assert.deepEqual(await states(true), [[job.jobId, 'finished']]);
    assert.deepEqual(asked, []);
  });

  test('asks the runtime about a job whose shim is gone', async () => {
    const job = await add({ phase: 'started', runtime: 'podman' });
    const child = spawn('/bin/true');
    await once(child, 'exit');
    await writeFile(join(store.paths(job.jobId).folder, `supervisor.running.${child.pid}`), '');
    assert.deepEqual(await states(), [[job.jobId, 'ended']]);
    running = [job.jobId];
    assert.deepEqual(await states(), [[job.jobId, 'running']]);
    assert.deepEqual(asked, ['podman', 'podman']);
  });

  test('asks a runtime without shims once about all jobs, and counts on what was recorded if it does not respond', async () => {
    const inCluster = { runtime: 'kubernetes', instanceId: 'one' } as const;
    const [accepted, pending, working, exited, removed] = [
      await add(inCluster),
      await add({ ...inCluster, phase: 'started' }),
      await add({ ...inCluster, phase: 'started' }),
      await add({ ...inCluster, phase: 'started' }),
      await add({ ...inCluster, phase: 'started' }),
    ];
    let calls = 0;
    const known = new Map([
      [pending.jobId, { state: 'waiting' as const, waitReason: 'no node takes its pod. Add nodes.' }],
      [working.jobId, { state: 'running' as const }],
      [exited.jobId, { state: 'ended' as const }],
    ]);
    const listStates = async () => {
      calls += 1;
      return known;
    };
    const all = [accepted, pending, working, exited, removed].map(({ jobId }) => jobId);
    const statesFrom = async (list: typeof listStates) => {
      const runtime = { listRunning: async () => [], listStates: list };
      const jobs = await listJobs({ store, all: false, runtimeOf: async () => runtime });
      assert.deepEqual(
        jobs.flatMap(({ jobId, waitReason }) => (waitReason === undefined ? [] : [[jobId, waitReason]])),
        list === listStates ? [[pending.jobId, 'no node takes its pod. Add nodes.']] : [],
      );
      return all.map((id) => jobs.find(({ jobId }) => jobId === id)?.state);
    };
    assert.deepEqual(await statesFrom(listStates), ['waiting', 'waiting', 'running', 'ended', 'ended']);
    assert.equal(calls, 1);
    const silent = await statesFrom(() => Promise.reject(new Error('no response')));
    assert.deepEqual(silent, ['waiting', 'running', 'running', 'running', 'running']);
  });

  test('is newest first, then by title, then by ID', async () => {
    const [at, earlier] = ['2026-01-02T00:00:00.000Z', '2026-01-01T00:00:00.000Z'];
    const id = (n: number) => `0000000${n}-4f89-41d3-9a0c-0305e82c3301`;
    const jobs = [
      await addFinished({ acceptedAt: at, title: 'a', taskId: id(2) }),
      await add({ acceptedAt: at, title: 'a', taskId: id(3) }),
      await addFinished({ acceptedAt: at, title: 'b', taskId: id(1) }),
      await addFinished({ acceptedAt: earlier, title: '', taskId: id(0) }),
    ];
    assert.deepEqual(
      (await list(true)).map(({ jobId }) => jobId),
      jobs.map(({ jobId }) => jobId),
    );
  });

  test('includes jobs whose record is unreadable', async () => {
    const [finished, active] = [makeRecord({ turnIndex: 3 }), makeRecord()];
    await writeFile(join(dir.path, 'jobs/finished', `${finished.jobId}.json`), '{');
    await mkdir(store.paths(active.jobId).folder);
    const jobs = (await list(true)).toSorted((a, b) => b.turnIndex - a.turnIndex);
    const common = { title: '', record: undefined, limits: [] };
    assert.deepEqual(jobs, [
      {
        ...common,
        jobId: finished.jobId,
        taskId: finished.taskId,
        turnIndex: 3,
        problem: 'it is damaged',
        state: 'finished',
      },
      {
        ...common,
        jobId: active.jobId,
        taskId: active.taskId,
        turnIndex: 1,
        problem: 'it is missing',
        state: 'waiting',
      },
    ]);
  });

  test('is empty if there never was a runner, and creates nothing', async () => {
    const store = JobStore.at(join(dir.path, 'none'), join(dir.path, 'none/logs'));
    assert.deepEqual(await listJobs({ store, all: true, runtimeOf }), []);
    await assert.rejects(readFile(join(dir.path, 'none')), { code: 'ENOENT' });
  });
});

describe('the log of a job is complete', () => {
  const unmanaged = { isManaged: async () => false };
  const managed = { isManaged: async () => true };

  test('when its container has exited, and not its client; with a runner, when the exit is recorded', async () => {
    const { jobId } = await add({ phase: 'started', runtime: 'podman' });
    await writeFile(join(store.paths(jobId).folder, 'supervisor.exited.137'), '');
    running = [jobId];
    assert.equal(await hasEnded(jobId, { store, runtimeOf, ...unmanaged }), false);
    running = [];
    assert.equal(await hasEnded(jobId, { store, runtimeOf, ...managed }), false, 'the log may be resumed');
    assert.equal(await hasEnded(jobId, { store, runtimeOf, ...unmanaged }), true);
  });

  test('never while the runtime cannot be asked', async () => {
    const { jobId } = await add({ phase: 'started', runtime: 'podman' });
    await writeFile(join(store.paths(jobId).folder, 'supervisor.exited.137'), '');
    const failure = new Error('it is down');
    const unreachable = async () => ({ listRunning: () => Promise.reject(failure) });
    await assert.rejects(hasEnded(jobId, { store, runtimeOf: unreachable, ...unmanaged }), failure);
    const [job] = await listJobs({ store, all: false, runtimeOf: unreachable });
    assert.equal(job?.state, 'running');
  });

  test('without a shim when the runtime says so, and with a runner, when the exit is recorded', async () => {
    const job = await add({ phase: 'started', runtime: 'kubernetes' });
    const { jobId } = job;
    const stateIs = (state: 'waiting' | 'running' | 'ended') => async () => ({
      listRunning: async () => [],
      listStates: async () => new Map([[jobId, { state }]]),
    });
    for (const state of ['waiting', 'running'] as const)
      assert.equal(await hasEnded(jobId, { store, runtimeOf: stateIs(state), ...unmanaged }), false);
    assert.equal(await hasEnded(jobId, { store, runtimeOf: stateIs('ended'), ...managed }), false);
    assert.equal(await hasEnded(jobId, { store, runtimeOf: stateIs('ended'), ...unmanaged }), true);
  });

  test('without a container when its command has exited', async () => {
    const { jobId } = await add({ phase: 'started', runtime: 'host' });
    await writeFile(join(store.paths(jobId).folder, 'supervisor.exited.0'), '');
    assert.equal(await hasEnded(jobId, { store, runtimeOf, ...managed }), true);
    assert.deepEqual(asked, []);
  });
});

describe('titles', () => {
  const { signal } = new AbortController();
  const calls: string[] = [];
  const fetchTitle = async ({ taskId }: JobRecord) => {
    calls.push(taskId);
    return `title of ${taskId.slice(0, 4)}`;
  };
  const call = { method: 'GET', path: '/task' };

  beforeEach(() => {
    calls.length = 0;
  });

  test('in a request are used; others are fetched once for each task', async () => {
    const known = await addFinished({ title: 'known' });
    const unknown = await addFinished({ title: '' });
    await addFinished({ title: '', taskId: unknown.taskId, turnIndex: 2 });
    for (let i = 0; i < 2; i += 1) {
      const jobs = await list(true);
      assert.equal(await fillTitles(jobs, { stateDir: dir.path, fetchTitle, signal }), undefined);
      const title = `title of ${unknown.taskId.slice(0, 4)}`;
      assert.deepEqual(jobs.map((job) => job.title).toSorted(), ['known', title, title]);
    }
    assert.deepEqual(calls, [unknown.taskId]);
    assert.ok(!calls.includes(known.taskId));
  });

  test('that cannot be fetched are fetched again later, and do not stop others', async () => {
    const [gone, there] = [await addFinished({ title: '' }), await addFinished({ title: '' })];
    const failure = new ApiError(call, { status: 404, isFromApi: true });
    const options = {
      stateDir: dir.path,
      signal,
      fetchTitle: async (record: JobRecord) => {
        if (record.taskId === gone.taskId) throw failure;
        return fetchTitle(record);
      },
    };
    const jobs = await list(true);
    assert.equal(await fillTitles(jobs, options), failure);
    assert.deepEqual(calls, [there.taskId]);
    assert.equal(jobs.find((job) => job.jobId === gone.jobId)?.title, '');
    assert.equal(await fillTitles(await list(true), { ...options, fetchTitle }), undefined);
    assert.deepEqual(calls, [there.taskId, gone.taskId]);
  });

  test('are not fetched one by one if the server is unreachable', async () => {
    for (let i = 0; i < 40; i += 1) await addFinished({ title: '' });
    const failure = new ConnectionError(call, 'refused');
    let tries = 0;
    const refused = async () => {
      tries += 1;
      throw failure;
    };
    assert.equal(await fillTitles(await list(true), { stateDir: dir.path, fetchTitle: refused, signal }), failure);
    assert.ok(tries <= 8, `${tries} tries`);
  });
});
