import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { makeRecord } from '../../../../test/support/job-record.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { MessagePlane } from '../../../../test/support/message-plane.ts';
import { makeRunnerHome, type RunnerHome, taskId } from '../../../../test/support/runner-home.ts';
import type { JobRecord } from '../../../jobs/record.ts';
import { formatElapsed, formatLocalTime } from '../../output.ts';

let home: RunnerHome;
beforeEach(async () => {
  home = await makeRunnerHome();
});
afterEach(() => home[Symbol.asyncDispose]());

/** As after the loss of everything but this process, which plays the supervisor. */
async function addRunning(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = await home.add({ phase: 'started', runtime: 'host', ...fields });
  await writeFile(join(home.store.paths(record.jobId).folder, 'supervisor.exited.3'), '');
  return record;
}

describe('plan42 runner job list', () => {
  test('has these columns, and the newest first', async () => {
    const [old, recent] = ['2026-01-01T10:00:00.000Z', '2026-01-02T10:00:00.000Z'];
    await home.addFinished({ taskId: taskId(1), acceptedAt: old, title: 'Older\u001b[31m\nthing' });
    await home.add({ taskId: taskId(2), acceptedAt: recent, title: '', turnIndex: 12 });
    const { stdout, stderr, exitCode } = await home.runner(['job', 'list', '-a']);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^WARNING: cannot fetch some titles: there is no runner token\n$/);
    assert.equal(
      stdout,
      `Job ID\tTitle\tTurn Index\tRunning?\tCreated
plan42-${taskId(2)}-12\t\t12\tNo\t${formatLocalTime(recent)}
plan42-${taskId(1)}-1\tOlder thing\t1\tNo\t${formatLocalTime(old)}
`,
    );
  });

  test('lists running jobs by default', async () => {
    assert.deepEqual(await home.runner(['job', 'list', '-a']), {
      exitCode: 0,
      stdout: '',
      stderr: 'No jobs.\n',
    });
    await home.add();
    await home.addFinished();
    assert.deepEqual(await home.runner(['job', 'list']), {
      exitCode: 0,
      stdout: '',
      stderr: 'No job is running, 1 is waiting. "plan42 runner job list -a" lists all jobs.\n',
    });
  });

  test('has the end of a job that no runner has recorded', async () => {
    const startedAt = '2026-01-01T10:00:00.000Z';
    const { jobId } = await addRunning({ startedAt });
    const { ctime } = await stat(join(home.store.paths(jobId).folder, 'supervisor.exited.3'));
    const [job] = JSON.parse((await home.runner(['job', 'list', '-a', '--json'])).stdout);
    assert.deepEqual([job.state, job.endedAt, job.exitCode], ['ended', ctime.toISOString(), 3]);
    const { stdout } = await home.runner(['job', 'list', '-a', '-v']);
    assert.ok(stdout.includes(`\t${formatElapsed(startedAt, job.endedAt)}\t`), stdout);
  });

  test('shows no growing time for a job whose end is unknown', async () => {
    // It was launched, and its shim is gone.
    const { jobId } = await home.add({ phase: 'started', runtime: 'host', startedAt: '2026-01-01T10:00:00.000Z' });
    await writeFile(join(home.store.paths(jobId).folder, 'supervisor.running.2147483647'), '');
    const { stdout } = await home.runner(['job', 'list', '-a', '-v']);
    const [names = '', values = ''] = stdout.split('\n');
    const column = names.split('\t').indexOf('Elapsed');
    assert.deepEqual([values.split('\t')[column], values.includes('ended')], ['', true], stdout);
  });

  test('gives everything as JSON', async () => {
    const jobs = [
      await home.addFinished({ exitCode: 137, killed: true, startedAt: '2026-01-01T10:00:00.000Z' }),
      await home.add(),
      await addRunning(),
    ];
    await writeFile(join(home.path, 'jobs/finished', `plan42-${taskId(7)}-1.json`), 'broken');
    const { stdout } = await home.runner(['job', 'list', '-a', '--json']);
    const list = parseAs('runner-job-list.json', stdout) as {
      jobId: string;
      state: string;
      createdAt: string | null;
    }[];
    assert.deepEqual(list.at(-1), { ...list.at(-1), jobId: `plan42-${taskId(7)}-1`, createdAt: null });
    assert.deepEqual(
      jobs.map(({ jobId }) => list.find((job) => job.jobId === jobId)?.state),
      ['finished', 'waiting', 'ended'],
    );
    assert.deepEqual(parseAs('runner-job-list.json', (await home.runner(['job', 'list', '--json'])).stdout), []);
  });

  test('warns of records that it cannot read', async () => {
    const jobs = [await home.addFinished(), await home.addFinished()];
    for (const { jobId } of jobs) await writeFile(join(home.store.folders.finished, `${jobId}.json`), '{"half":');
    const { exitCode, stdout, stderr } = await home.runner(['job', 'list', '-a']);
    assert.equal(exitCode, 0);
    for (const { jobId } of jobs) assert.ok(stdout.includes(jobId));
    assert.match(stderr, /^WARNING: cannot read the record of plan42-\S+-1 \(and of 1 more\): it is damaged\.\n$/);
  });

  test('fits into 80 columns, and adds columns with -v', async () => {
    const title = 'A title that is far too long for a terminal of eighty columns';
    const [startedAt, endedAt] = ['2026-01-01T10:00:00.000Z', '2026-01-01T11:02:05.000Z'];
    await home.addFinished({ title, startedAt, endedAt, network: { mode: 'enforce', notes: [] } });
    const { stdout } = await home.runner(['job', 'list', '-a'], { columns: 80 });
    for (const line of stdout.trimEnd().split('\n')) assert.ok(stripVTControlCharacters(line).length <= 80, line);
    assert.match(stdout, /^plan42-[0-9a-f-]{10,}… {2}A title…/m);
    const verbose = (await home.runner(['job', 'list', '-a', '-v'])).stdout;
    assert.match(
      verbose,
      /Elapsed\tState\tExit Code\tStarted\tEnded\tRuntime\tNetwork\tImage\tModels\tLimits\tReason\n/,
    );
    assert.match(verbose, /\tdocker\tlimited\t/);
    const [job] = parseAs('runner-job-list.json', (await home.runner(['job', 'list', '-a', '--json'])).stdout);
    assert.equal(job.network, 'enforce');
    assert.match(verbose, /\t1 h 2 min\tfinished\t\d*\t[\d-]+ \d\d:00:00\t[\d-]+ \d\d:02:05\t/);
  });

  test('asks the server once for the title of a task, and never for one that it knows', async () => {
    const calls: (string | undefined)[] = [];
    await using server = createServer((request, response) => {
      calls.push(request.url);
      if (request.url?.includes(taskId(2))) response.writeHead(404).end('{"Message": "no such task"}');
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"Title": "from the server"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await home.addFinished({ title: 'known' });
    await home.addFinished({ title: '', taskId: taskId(1) });
    await home.addFinished({ title: '', taskId: taskId(2) });
    const { token } = new MessagePlane();
    const file = await home.configuration(`[runner]\nurl = "http://127.0.0.1:${port}"\ntoken = "${token}"\n`);
    const first = await home.runner(['job', 'list', '-a', '-c', file]);
    assert.match(first.stdout, new RegExp(`${taskId(1)}-1\\tfrom the server\\t`));
    assert.match(first.stdout, new RegExp(`${taskId(2)}-1\\t\\t1\\tNo`));
    assert.match(first.stderr, /^WARNING: cannot fetch some titles: .*404 no such task\n$/);
    assert.equal(calls.length, 2);
    await home.runner(['job', 'list', '-a', '-c', file]);
    assert.equal(calls.length, 3, 'only the one that is still unknown');
  });

  test('lists a thousand finished jobs with less than 300 ms of work', async () => {
    for (let i = 0; i < 1000; i += 1) {
      const record = makeRecord({ title: `Task ${i}` });
      await writeFile(join(home.path, 'jobs/finished', `${record.jobId}.json`), JSON.stringify(record));
    }
    // The processor's time, which other work on the machine takes nothing from; bench/start-up.ts has the clock's.
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const start = process.cpuUsage();
      assert.equal((await home.runner(['job', 'list', '-a'])).stdout.split('\n').length, 1002);
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
    }
    assert.ok(Math.min(...times) < 300, String(times));
  });
});
