import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { eventually } from '../../test/support/eventually.ts';
import { createFakeRuntime, type FakeRuntime } from '../../test/support/fake-runtime.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { type ManyTurns, startManyTurns } from '../../test/support/many-turns.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from '../config/read.ts';
import { silentLogger } from '../lib/logger.ts';
import { Plan42Client } from '../plan42/client.ts';
import { createTransport } from '../plan42/transport.ts';
import { RuntimeError } from '../runtimes/runtime.ts';
import { Jobs } from './jobs.ts';
import type { JobRecord } from './record.ts';
import { JobExistsError, JobStore } from './store.ts';

let dir: TempDir;
let server: ManyTurns;
let transport: Dispatcher;
let runtime: FakeRuntime;
let store: JobStore;
let jobs: Jobs;

const pulling = 'Pulling Agent Image on Local Runner';
const waiting = 'Waiting for a Free Slot on Local Runner';

beforeEach(async () => {
  dir = await makeTempDir();
  server = await startManyTurns();
  transport = createTransport({});
  runtime = createFakeRuntime();
  jobs = await makeJobs();
});
afterEach(async () => {
  await jobs[Symbol.asyncDispose]();
  await transport.destroy();
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

async function makeJobs(settings = 'jobs.max_jobs = 1'): Promise<Jobs> {
  store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'logs'));
  const file = `${settings}\n[github.g]\nconnection_id = "c"\ntoken = "ghp_own"`;
  const { config } = readConfig({ file, env: {}, flags: new Map() });
  const endpoint = { transport, baseUrl: new URL(server.url), token: 'p42r_x', userAgent: 't' };
  return new Jobs({ config, store, runtime, client: new Plan42Client(endpoint), logger: silentLogger });
}

/** A pull that takes for ever. */
const untilAborted = (_image: string, signal: AbortSignal | undefined) =>
  new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));

/** What a restart of the runner does. */
async function restart(settings?: string): Promise<void> {
  await jobs[Symbol.asyncDispose]();
  jobs = await makeJobs(settings);
  await jobs.adopt();
}

async function accept(record: JobRecord = makeRecord(), request: object = {}): Promise<JobRecord> {
  const { taskId: TaskId, turnIndex: TurnIndex } = record;
  const Turn = { TaskId, TurnIndex, ...server.turnOf(record.taskId) };
  const text = JSON.stringify({ Type: 'InvokeAgentRequest', Turn, ...request });
  await jobs.accept(record, { request: text, agentToken: 'p42a_secret' });
  return record;
}

const turnOf = ({ taskId }: JobRecord) => server.turnOf(taskId);
const statusesOf = ({ taskId }: JobRecord) => server.statusesOf(taskId);
const failureOf = (record: JobRecord) => turnOf(record).ErrorMessage ?? '';
const started = (record: JobRecord) => eventually(async () => runtime.calls.includes(`start ${record.jobId}`));
const running = (record: JobRecord) =>
  eventually(async () => (await runtime.listRunning()).includes(record.jobId) && jobs.startingCount === 0);
const finished = () => eventually(async () => jobs.count === 0);
const isStarted = (record: JobRecord) => runtime.calls.includes(`start ${record.jobId}`);

describe('a job', () => {
  test('is pulled, started, waited for, reported and removed', async () => {
    const record = await accept();
    await running(record);
    assert.deepEqual(statusesOf(record), [pulling]);
    runtime.end(record.jobId, { exitCode: 3, endedAt: new Date('2026-01-02T03:04:05Z') });
    await finished();
    const { jobId, image } = record;
    assert.deepEqual(runtime.calls, [`pull ${image}`, `start ${jobId}`, `remove ${jobId}`]);
    assert.equal(turnOf(record).Status, 'Failed');
    assert.match(failureOf(record), new RegExp(`exit code 3.*plan42 runner job logs ${jobId}`));
    assert.equal(turnOf(record).CompletedAt, '2026-01-02T03:04:05.000Z');
    const kept: unknown = JSON.parse(await readFile(join(dir.path, `state/jobs/finished/${jobId}.json`), 'utf8'));
    assert.deepEqual(
      { ...(kept as JobRecord), startedAt: '', failure: '' },
      {
        ...record,
        phase: 'ended',
        exitCode: 3,
        killed: false,
        startedAt: '',
        endedAt: '2026-01-02T03:04:05.000Z',
        failure: '',
      },
    );
  });

  test('whose agent finished its turn is reported no more', async () => {
    const record = await accept();
    await running(record);
    Object.assign(turnOf(record), { Status: 'Completed', Version: 50 });
    runtime.end(record.jobId);
    await finished();
    assert.deepEqual(statusesOf(record), [pulling]);
    assert.equal(turnOf(record).Status, 'Completed');
  });

  test('is on disk when it is accepted, and refused a second time', async () => {
    runtime.onPull = untilAborted;
    const record = await accept();
    assert.deepEqual(await store.listActive(), [record.jobId]);
    await assert.rejects(accept(record), JobExistsError);
    assert.equal(jobs.count, 1);
    await jobs.kill(record.jobId);
  });

  test('gives the agent the request with the newest turn and the connection', async () => {
    let input: Record<string, unknown> = {};
    runtime.onStart = async ({ requestFile }) => {
      input = JSON.parse(await readFile(requestFile, 'utf8')) as Record<string, unknown>;
    };
    const record = await accept(makeRecord(), { PrivateGithubConnectionID: 'C', New: { a: 1 } });
    await running(record);
    assert.deepEqual(input['New'], { a: 1 });
    assert.equal(input['GithubToken'], 'ghp_own');
    assert.equal((input['Turn'] as { Status: string }).Status, pulling);
    const { folder } = store.place(record.jobId);
    assert.deepEqual((await readdir(folder)).toSorted(), ['agent-token', 'job.json']);
  });

  test('waits for a slot, in the order of acceptance, and says so', async () => {
    const [a, b, c] = [await accept(), await accept(), await accept()];
    await running(a);
    for (const record of [b, c]) await eventually(async () => statusesOf(record).includes(waiting));
    assert.deepEqual([isStarted(b), isStarted(c)], [false, false]);
    runtime.end(a.jobId);
    await running(b);
    assert.equal(isStarted(c), false);
    assert.deepEqual(statusesOf(b), [waiting, pulling]);
    runtime.end(b.jobId);
    await running(c);
  });
});

describe('a job that cannot be started', () => {
  test('ends its turn with what the runtime said, and gives its slot to the next', async () => {
    const message = 'cannot pull the image x: denied';
    runtime.onPull = async () => {
      runtime.onPull = async () => {};
      throw new RuntimeError(message);
    };
    const [record, next] = [await accept(), await accept()];
    await running(next);
    await eventually(async () => turnOf(record).Status === 'Failed');
    assert.match(failureOf(record), new RegExp(message));
    assert.equal(isStarted(record), false);
  });

  test('keeps no secret while the server cannot be told', async () => {
    server.down = true;
    runtime.onPull = async () => {
      throw new RuntimeError('denied');
    };
    const record = await accept();
    await eventually(async () => (await store.readActive(record.jobId)).phase === 'ended');
    await eventually(async () => (await readdir(store.place(record.jobId).folder)).length === 2);
    server.down = false;
    await finished();
    assert.match(failureOf(record), /denied/);
  });

  test('is not started when its turn is over already', async () => {
    const record = makeRecord();
    turnOf(record).Status = 'Completed';
    await accept(record);
    await finished();
    assert.equal(isStarted(record), false);
    assert.deepEqual(statusesOf(record), []);
  });

  test('is not started when its turn is cancelled meanwhile', async () => {
    const record = makeRecord();
    Object.assign(turnOf(record), { Status: 'Failed', ErrorMessage: 'cancelled by user', Version: 8 });
    // The request was written before that.
    await accept(record, { Turn: { TaskId: record.taskId, TurnIndex: 1, Status: 'Pending', Version: 1 } });
    await finished();
    assert.equal(isStarted(record), false);
    assert.equal(failureOf(record), 'cancelled by user');
  });
});

describe('a kill', () => {
  test('before the start keeps it from starting', async () => {
    const pull = Promise.withResolvers<void>();
    runtime.onPull = () => pull.promise;
    const record = await accept();
    await eventually(async () => runtime.calls.length > 0);
    assert.equal(await jobs.kill(record.jobId), true);
    pull.resolve();
    await finished();
    assert.equal(isStarted(record), false);
    assert.match(failureOf(record), /killed by user/);
  });

  test('while it waits for a slot frees no slot and starts nothing', async () => {
    const [a, b] = [await accept(), await accept()];
    await running(a);
    await jobs.kill(b.jobId);
    await eventually(async () => jobs.count === 1);
    assert.equal(isStarted(b), false);
    assert.deepEqual(await runtime.listRunning(), [a.jobId]);
  });

  test('during the start ends it as soon as it has started', async () => {
    const start = Promise.withResolvers<void>();
    runtime.onStart = () => start.promise;
    const record = await accept();
    await started(record);
    await jobs.kill(record.jobId);
    start.resolve();
    await finished();
    assert.deepEqual(await runtime.listRunning(), []);
    assert.match(failureOf(record), /killed by user/);
  });

  test('of a running job is told as one', async () => {
    const record = await accept();
    await running(record);
    assert.equal(await jobs.kill(record.jobId), true);
    await finished();
    assert.match(failureOf(record), /killed by user/);
  });

  test('of a job that there is not does nothing', async () => {
    assert.equal(await jobs.kill(makeRecord().jobId), false);
    assert.deepEqual(runtime.calls, []);
  });
});

describe('after a restart', () => {
  test('a running job is waited for and reported, and not started again', async () => {
    const record = await accept();
    await running(record);
    await restart();
    assert.equal(jobs.count, 1);
    runtime.end(record.jobId, { exitCode: 4 });
    await finished();
    assert.equal(runtime.calls.filter((call) => call.startsWith('start')).length, 1);
    assert.match(failureOf(record), /exit code 4/);
  });

  test('a job that was started but not yet recorded as such is not started again', async () => {
    const record = makeRecord();
    await store.create(record, { request: '{}', agentToken: 'p42a_secret' });
    await runtime.start({ ...store.place(record.jobId), image: record.image, requestFile: '/dev/null' });
    await restart();
    runtime.end(record.jobId, { exitCode: 3 });
    await finished();
    assert.equal(runtime.calls.filter((call) => call.startsWith('start')).length, 1);
    assert.match(failureOf(record), /exit code 3/);
  });

  test('running jobs keep their slots, before any that waits', async () => {
    await jobs[Symbol.asyncDispose]();
    jobs = await makeJobs('jobs.max_jobs = 2');
    const [a, b, c] = [await accept(), await accept(), await accept()];
    await running(a);
    await running(b);
    await restart('jobs.max_jobs = 1');
    runtime.end(a.jobId);
    await eventually(async () => jobs.count === 2);
    assert.equal(isStarted(c), false);
  });

  test('jobs that wait go on in the order of their acceptance', async () => {
    const hold = await accept();
    await running(hold);
    const later = (digit: string, day: number) =>
      makeRecord({ taskId: `${digit}f2504e0-4f89-41d3-9a0c-0305e82c3301`, acceptedAt: `2026-01-0${day}T00:00:00Z` });
    const [f, zero, seven] = [later('f', 1), later('0', 2), later('7', 3)];
    for (const record of [f, zero, seven]) await accept(record);
    await restart();
    for (const record of [hold, f, zero, seven]) {
      await running(record);
      runtime.end(record.jobId);
      await eventually(async () => turnOf(record).Status === 'Failed');
    }
    const starts = runtime.calls.filter((call) => call.startsWith('start'));
    assert.deepEqual(
      starts,
      [hold, f, zero, seven].map(({ jobId }) => `start ${jobId}`),
    );
  });

  test('a job that somebody killed is killed', async () => {
    const record = await accept();
    await running(record);
    await store.markKilled(record.jobId);
    await restart();
    await finished();
    assert.match(failureOf(record), /killed by user/);
  });

  test('a job that somebody killed before it started does not start', async () => {
    runtime.onPull = untilAborted;
    const record = await accept();
    await store.markKilled(record.jobId);
    await restart();
    await finished();
    assert.equal(isStarted(record), false);
    assert.match(failureOf(record), /killed by user/);
  });

  test('a status that could not be delivered is', async () => {
    const record = await accept();
    await running(record);
    server.down = true;
    runtime.end(record.jobId, { exitCode: 9 });
    await eventually(async () => (await store.readActive(record.jobId)).phase === 'ended');
    await restart();
    server.down = false;
    await finished();
    assert.match(failureOf(record), /exit code 9/);
  });
});

test('a job’s turn is told its end even if the runtime cannot clean up', async () => {
  runtime.onRemove = async () => {
    throw new Error('the engine is gone');
  };
  const record = await accept();
  await running(record);
  runtime.end(record.jobId);
  await finished();
  assert.equal(turnOf(record).Status, 'Failed');
  runtime.onRemove = async () => {};
  await restart();
  await finished();
  assert.deepEqual(await store.listActive(), []);
});
