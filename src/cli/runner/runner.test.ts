import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { appendFile, chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { makeRecord } from '../../../test/support/job-record.ts';
import { parseAs } from '../../../test/support/json-schemas.ts';
import { MessagePlane } from '../../../test/support/message-plane.ts';
import { asOrdinaryUser } from '../../../test/support/ordinary-user.ts';
import { type CliRunOptions, runCli } from '../../../test/support/run-cli.ts';
import { makeTempDir, type TempDir } from '../../../test/support/temp-dir.ts';
import type { RunnerStatus } from '../../control/messages.ts';
import { startControlServer } from '../../control/server.ts';
import type { JobRecord } from '../../jobs/record.ts';
import { JobStore } from '../../jobs/store.ts';
import { silentLogger } from '../../lib/logger.ts';
import { localTime } from '../local-time.ts';

let dir: TempDir;
let store: JobStore;
beforeEach(async () => {
  dir = await makeTempDir();
  store = await JobStore.open(dir.path, join(dir.path, 'logs'));
});
afterEach(() => dir[Symbol.asyncDispose]());

const runner = (argv: readonly string[], options: CliRunOptions = {}) =>
  runCli(['runner', ...argv], { ...options, env: { HOME: dir.path, PLAN42_STATE_DIR: dir.path, ...options.env } });

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

/** As after the loss of everything but this process, which plays the supervisor. */
async function addRunning(fields: Partial<JobRecord> = {}): Promise<JobRecord> {
  const record = await add({ phase: 'started', runtime: 'host', ...fields });
  await writeFile(join(store.place(record.jobId).folder, 'supervisor.exited.3'), '');
  return record;
}

const configuration = async (text: string) => {
  const file = join(dir.path, 'config.toml');
  await writeFile(file, text, { mode: 0o600 });
  return file;
};

const taskId = (n: number) => `0000000${n}-4f89-41d3-9a0c-0305e82c3301`;

describe('plan42 runner job list', () => {
  test('has these columns, and the newest first', async () => {
    const [old, recent] = ['2026-01-01T10:00:00.000Z', '2026-01-02T10:00:00.000Z'];
    await addFinished({ taskId: taskId(1), acceptedAt: old, title: 'Older\u001b[31m\nthing' });
    await add({ taskId: taskId(2), acceptedAt: recent, title: '', turnIndex: 12 });
    const { stdout, stderr, exitCode } = await runner(['job', 'list', '-a']);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^Some titles could not be fetched: there is no runner token\n$/);
    assert.equal(
      stdout,
      `Job ID                                          Title        Turn Index  Running?  Created
plan42-${taskId(2)}-12               12          No        ${localTime(recent)}
plan42-${taskId(1)}-1   Older thing  1           No        ${localTime(old)}
`,
    );
  });

  test('lists only running jobs unless told otherwise, and says so', async () => {
    assert.deepEqual(await runner(['job', 'list', '-a']), { exitCode: 0, stdout: '', stderr: 'There are no jobs.\n' });
    await add();
    await addFinished();
    assert.deepEqual(await runner(['job', 'list']), {
      exitCode: 0,
      stdout: '',
      stderr: 'No job is running, 1 is waiting. "plan42 runner job list -a" lists all jobs.\n',
    });
  });

  test('gives everything as JSON', async () => {
    const jobs = [
      await addFinished({ exitCode: 137, killed: true, startedAt: '2026-01-01T10:00:00.000Z' }),
      await add(),
      await addRunning(),
    ];
    await writeFile(join(dir.path, 'jobs/finished', `plan42-${taskId(7)}-1.json`), 'broken');
    const { stdout } = await runner(['job', 'list', '-a', '--json']);
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
    assert.deepEqual(parseAs('runner-job-list.json', (await runner(['job', 'list', '--json'])).stdout), []);
  });

  test('fits into 80 columns, and says more with -v', async () => {
    await addFinished({ title: 'A title that is far too long for a terminal of eighty columns' });
    const { stdout } = await runner(['job', 'list', '-a'], { columns: 80 });
    for (const line of stdout.trimEnd().split('\n')) assert.ok(stripVTControlCharacters(line).length <= 80, line);
    assert.match(stdout, /^plan42-[0-9a-f-]{10,}… {2}A title…/m);
    assert.match((await runner(['job', 'list', '-a', '-v'])).stdout, /State +Exit Code +Ended +Runtime +Image/);
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
    await addFinished({ title: 'known' });
    await addFinished({ title: '', taskId: taskId(1) });
    await addFinished({ title: '', taskId: taskId(2) });
    const { token } = new MessagePlane();
    const file = await configuration(`[runner]\nurl = "http://127.0.0.1:${port}"\ntoken = "${token}"\n`);
    const first = await runner(['job', 'list', '-a', '-c', file]);
    assert.match(first.stdout, new RegExp(`${taskId(1)}-1 +from the server `));
    assert.match(first.stdout, new RegExp(`${taskId(2)}-1 +1 +No`));
    assert.match(first.stderr, /^Some titles could not be fetched: .*404 no such task\n$/);
    assert.equal(calls.length, 2);
    await runner(['job', 'list', '-a', '-c', file]);
    assert.equal(calls.length, 3, 'only the one that is still unknown');
  });

  test('lists a thousand finished jobs with less than 300 ms of work', async () => {
    for (let i = 0; i < 1000; i += 1) {
      const record = makeRecord({ title: `Task ${i}` });
      await writeFile(join(dir.path, 'jobs/finished', `${record.jobId}.json`), JSON.stringify(record));
    }
    // The processor's time, which other work on the machine takes nothing from; bench/start-up.ts has the clock's.
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const start = process.cpuUsage();
      assert.equal((await runner(['job', 'list', '-a'])).stdout.split('\n').length, 1002);
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
    }
    assert.ok(Math.min(...times) < 300, String(times));
  });
});

describe('plan42 runner job logs', () => {
  const write = (record: JobRecord, text: string) => writeFile(store.place(record.jobId).logFile, text);

  test('prints the log, safe for a terminal, or its last lines', async () => {
    const record = await addFinished();
    await write(record, 'one\r\ntwo \u001b[31mred\u001b[0m\n\u001b]0;title\u0007\nümläut\n');
    const all = 'one\ntwo red\n\\x1b]0;title\\x07\nümläut\n';
    assert.deepEqual(await runner(['job', 'logs', record.jobId]), { exitCode: 0, stdout: all, stderr: '' });
    assert.equal((await runner(['job', 'logs', record.taskId])).stdout, all);
    assert.equal((await runner(['job', 'logs', record.taskId.slice(0, 8), '-n', '1'])).stdout, 'ümläut\n');
    assert.equal((await runner(['job', 'logs', record.jobId, '-n', '0'])).stdout, '');
    assert.equal((await runner(['job', 'logs', record.jobId, '-f', '-n', 'all'])).stdout, all, 'it has ended');
  });

  test('of several turns shows that of the one which is not finished', async () => {
    const finished = await addFinished();
    const current = await add({ taskId: finished.taskId, turnIndex: 2 });
    await write(current, 'second turn\n');
    assert.equal((await runner(['job', 'logs', finished.taskId])).stdout, 'second turn\n');
  });

  test('follows a job from before its start to its end, whatever pieces come', async () => {
    const record = await add({ runtime: 'host' });
    const { folder, logFile } = store.place(record.jobId);
    const steps = ['first\n\u001b[3', '1mred\u001b[0m\r', '\n', 'last\n'];
    const next = async () => {
      const step = steps.shift();
      if (step === undefined) await writeFile(join(folder, 'supervisor.exited.0'), '');
      else await appendFile(logFile, step);
    };
    const following = runner(['job', 'logs', record.jobId, '-f'], { onOutput: () => void next() });
    await next();
    assert.deepEqual(await following, { exitCode: 0, stdout: 'first\nred\nlast\n', stderr: '' });
  });

  test('leaves with 130 when it is interrupted', async () => {
    const record = await add();
    await write(record, 'begun\n');
    const controller = new AbortController();
    const onOutput = () => controller.abort();
    const { exitCode, stderr } = await runner(['job', 'logs', record.jobId, '-f'], {
      signal: controller.signal,
      onOutput,
    });
    assert.deepEqual([exitCode, stderr], [130, '']);
  });
});

describe('one line and an exit code for', () => {
  const cases: [what: string, argv: () => Promise<string[]>, exitCode: number, error: RegExp][] = [
    [
      'a path for an ID',
      async () => ['job', 'logs', '../../etc/passwd'],
      2,
      /"\.\.\/\.\.\/etc\/passwd" is not a job ID/,
    ],
    ['an option for an ID', async () => ['job', 'kill', '--', '-f'], 2, /"-f" is not a job ID/],
    ['an empty ID', async () => ['job', 'kill', ''], 2, /"" is not a job ID/],
    [
      'an ID that would write on a terminal',
      async () => ['job', 'logs', '\u001b[2J\n'],
      2,
      /"\\x1b\[2J" is not a job ID/,
    ],
    [
      'an unknown job',
      async () => ['job', 'logs', 'plan42-3f'],
      1,
      /there is no job plan42-3f\. "plan42 runner job list -a"/,
    ],
    [
      'an ambiguous prefix',
      async () => {
        for (const n of [1, 2, 3, 4]) await addFinished({ taskId: taskId(n) });
        return ['job', 'kill', '0000000'];
      },
      1,
      new RegExp(
        `4 jobs start with 0000000: plan42-${taskId(1)}-1, plan42-${taskId(2)}-1, plan42-${taskId(3)}-1, …\\.`,
      ),
    ],
    [
      'a job that has not started',
      async () => ['job', 'logs', (await add()).jobId],
      1,
      /has not started yet\. With -f/,
    ],
    [
      'a log that is gone',
      async () => ['job', 'logs', '-f', (await addFinished()).jobId],
      1,
      /there is no log of the job/,
    ],
    ['no service log', async () => ['logs'], 1, /there is no log at .*runner\.log\. The runner writes it/],
    ['a wrong number of lines', async () => ['logs', '-n', '-1'], 2, /must be a whole number, or "all"/],
    ['a runner that is down', async () => ['status'], 1, /the runner is not running\. Start it with/],
    [
      'a missing configuration',
      async () => ['job', 'list', '-c', '/none.toml'],
      3,
      /no configuration file \/none\.toml/,
    ],
    [
      'a folder for a configuration',
      async () => ['status', '-c', dir.path],
      3,
      /the configuration file .* is a folder/,
    ],
    ['bad TOML', async () => ['job', 'logs', 'p', '-c', await configuration('[runner\n')], 3, /config\.toml:\d+:\d+: /],
    [
      'a wrong type',
      async () => ['status', '-c', await configuration('jobs.cpus = "x"')],
      3,
      /config\.toml:1:1: jobs\.cpus/,
    ],
    [
      'a file for a state folder',
      async () => ['job', 'list', '--state-dir', await configuration('')],
      1,
      /cannot look into/,
    ],
    [
      'an empty state folder',
      async () => ['status', '--state-dir', ''],
      2,
      /'--state-dir <folder>' argument '' is invalid\. It is empty/,
    ],
    [
      'an empty configuration',
      async () => ['enable', '-c', ''],
      2,
      /'-c, --config-file <file>' argument '' is invalid/,
    ],
    ['a mistyped command', async () => ['job', 'lst'], 2, /unknown command 'lst' \(did you mean list\?\)/],
    ['a mistyped option', async () => ['job', 'logs', 'p', '--folow'], 2, /did you mean --follow\?/],
    ['a missing ID', async () => ['job', 'kill'], 2, /missing required argument 'id'/],
    [
      'a configuration that is needed to kill without a runner',
      async () => {
        await mkdir(join(dir.path, '.config'));
        await writeFile(join(dir.path, '.config/plan42-runner.toml'), 'x');
        const { jobId } = await add({ phase: 'started' });
        // This process is the one that runs it, as far as can be seen.
        const folder = join(dir.path, 'jobs/active', jobId);
        await writeFile(join(folder, `supervisor.running.${process.pid}`), '');
        process.title = `sh plan42-job ${folder} x`;
        return ['job', 'kill', jobId];
      },
      3,
      /the configuration is invalid/,
    ],
  ];
  for (const [what, argv, code, error] of cases) {
    test(what, async () => {
      const { exitCode, stdout, stderr } = await runner(await argv());
      const [line = '', ...more] = stderr.trimEnd().split('\n');
      assert.match(line, /^ERROR: /);
      assert.match(line, error);
      assert.deepEqual(more, []);
      assert.equal(exitCode, code);
      if (what !== 'a runner that is down') assert.equal(stdout, '');
    });
  }
});

describe('plan42 runner status', () => {
  const answer: RunnerStatus = {
    ...{ version: '1.0.0', pid: 42, startedAt: '2026-01-02T03:04:05.678Z', configFile: '/c.toml', stateDir: '/s' },
    ...{ url: 'https://example.com/', runtime: 'podman', tenantId: 't', runnerId: 'r', instanceId: 'i' },
    ...{ phase: 'degraded', utilisation: 0.256 },
    troubles: [{ kind: 'refused', message: 'GET /x: 401\u001b[2J', since: '2026-01-02T03:05:05.678Z' }],
    queues: [{ queueId: '7c0e', phase: 'polling', utilisation: null, inFlight: 3 }],
    jobs: { running: 1, starting: 2, waiting: 3, ending: 4, max: 5 },
    lastError: { time: '2026-01-02T03:06:05.678Z', message: 'the job failed: no' },
  };
  const serve = () =>
    startControlServer({
      stateDir: dir.path,
      logger: silentLogger,
      calls: { status: () => answer, kill: async () => 'unknown', reload: async () => null },
    });

  test('tells all that there is to know, and what is wrong', async () => {
    await using _server = await serve();
    const job = await add({ title: 'Waits' });
    const { stdout, stderr, exitCode } = await runner(['status']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    const at = (minute: number) => localTime(`2026-01-02T03:0${minute}:05.678Z`);
    assert.equal(
      stdout,
      `Runner         Running, degraded, since ${at(4)}, process 42; since ${at(5)} the server refuses the runner token: GET /x: 401\\x1b[2J
Version        1.0.0
Server         https://example.com/
Runtime        podman
Queues         1, utilisation 26 %
Configuration  /c.toml
Jobs           1 of at most 5 running, 2 starting, 3 waiting, 4 being reported
Last error     ${at(6)} the job failed: no

Queue ID  State    Utilisation    Being Answered
7c0e      polling  not known yet  3

Job ID                                         Title  Turn Index  Running?  Created
${job.jobId}  Waits  1           No        ${localTime(job.acceptedAt)}
`,
    );
    const document = parseAs('runner-status.json', (await runner(['status', '--json'])).stdout);
    assert.deepEqual(document.runner, answer);
    assert.deepEqual([document.state, document.jobs[0].jobId], ['running', job.jobId]);
  });

  test('is what stop asks where no service runs, to tell how a runner in the foreground is stopped', async () => {
    await using _ = await serve();
    const { exitCode, stdout, stderr } = await runner(['stop'], { platform: 'freebsd' });
    assert.deepEqual([exitCode, stdout], [6, '']);
    assert.match(
      stderr,
      /^ERROR: the runner that runs \(process 42\) was not started as the service\. .*"kill 42"\.\n$/,
    );
  });

  test('says that it is not running, and what is left', async () => {
    await add({ title: 'Waits' });
    const run = await runner(['status']);
    assert.match(run.stdout, /^Runner +Not Running\n(.+\n)+Jobs +0 running, 1 waiting\n\nJob ID/);
    const json = await runner(['status', '--json']);
    assert.equal(json.exitCode, 1);
    const document = parseAs('runner-status.json', json.stdout);
    assert.deepEqual([document.state, document.runner, document.jobs.length], ['not-running', null, 1]);
  });

  test('uses colours on a terminal only', async () => {
    await using _server = await serve();
    assert.ok((await runner(['status'], { columns: 80 })).stdout.includes('\u001b[31mRunning, degraded'));
    const plain = await runner(['status'], { columns: 80, env: { NO_COLOR: '1' } });
    assert.ok(!plain.stdout.includes('\u001b'));
  });

  test('works without a state folder', async () => {
    await rm(dir.path, { recursive: true });
    assert.equal((await runner(['status'])).exitCode, 1);
  });
});

test('plan42 runner logs shows the old parts too', async () => {
  await writeFile(join(dir.path, 'logs/runner.log.1'), 'older\n');
  await writeFile(join(dir.path, 'logs/runner.log'), 'newer\nnewest\n');
  assert.equal((await runner(['logs'])).stdout, 'older\nnewer\nnewest\n');
  assert.equal((await runner(['logs', '-n', '2'])).stdout, 'newer\nnewest\n');
});

test('plan42 runner logs -f says when there is nothing to follow yet, and waits', async () => {
  const controller = new AbortController();
  const file = join(dir.path, 'logs/runner.log');
  const { exitCode, stdout, stderr } = await runner(['logs', '-f'], {
    signal: controller.signal,
    onOutput: (soFar) => {
      if (soFar.stdout !== '') controller.abort();
      else writeFileSync(file, 'a line\n');
    },
  });
  assert.deepEqual([exitCode, stdout], [130, 'a line\n']);
  assert.match(stderr, /^There is no log at .*runner\.log yet\. The runner writes it once it runs: .*\n$/);
});

test('a log that may not be read is one line, and not one that is missing', async () => {
  const { jobId } = await addFinished();
  const files = [store.place(jobId).logFile, join(dir.path, 'logs/runner.log')];
  for (const file of files) await writeFile(file, 'a line\n');
  const commands = [
    ['logs', '-n', '1'],
    ['job', 'logs', jobId],
    ['job', 'logs', '-f', jobId],
  ];
  for (const argv of commands) assert.equal((await runner(argv)).stdout, 'a line\n');
  const isRefused = async (argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await runner(argv);
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /^ERROR: cannot look into the state folder .*EACCES.*\. Check its permissions.*\n$/);
  };
  const refused = [...commands, ['logs', '-f']];
  for (const [path, mode] of [...files.map((file) => [file, 0o000] as const), [join(dir.path, 'logs'), 0o600] as const])
    await chmod(path, mode);
  await chmod(dir.path, 0o755);
  for (const folder of ['jobs', 'jobs/active', 'jobs/finished']) await chmod(join(dir.path, folder), 0o755);
  await chmod(join(dir.path, 'jobs/finished', `${jobId}.json`), 0o644);
  await asOrdinaryUser(async () => {
    for (const argv of refused) await isRefused(argv);
  });
  await chmod(join(dir.path, 'logs'), 0o755);
  await asOrdinaryUser(async () => {
    for (const argv of refused) await isRefused(argv);
  });
});
