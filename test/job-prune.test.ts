/** `plan42 runner job prune`, with and without a running runner. */
import assert from 'node:assert/strict';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { makeRecord } from './support/job-record.ts';
import { runCli } from './support/run-cli.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { getTurn, jobIdOf, startTask, untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

// The first job of each runner exits at once, later ones on request or when the test ends.
const agent =
  'cat >/dev/null; echo said; if mkdir "$0" 2>/dev/null; then exit 3; fi; while [ -e "$0" ] && [ ! -e "$0/end" ]; do sleep 0.1; done; exit 4';

// So that a stop does not wait for a poll.
const queues = '[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n';

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  runner: RunnerProcess;
  prune(...args: string[]): ReturnType<typeof runCli>;
}

async function setUp(): Promise<Setting> {
  const plane = await startControlPlane();
  const dir = await makeTempDir();
  const command = JSON.stringify(['/bin/sh', '-c', agent, join(dir.path, 'agent')]);
  const config = `[host]\nunisolated = true\ncommand = ${command}\n${queues}`;
  const runner = await RunnerProcess.start({
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: 'host',
    config,
  });
  await runner.ready();
  const places = ['-c', join(runner.folder, 'plan42-runner.toml'), '--state-dir', join(runner.folder, 'state')];
  return {
    plane,
    runner,
    prune: (...args) => runCli(['runner', 'job', 'prune', ...places, ...args], { env: { PATH: process.env['PATH'] } }),
    [Symbol.asyncDispose]: async () => {
      await runner[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Runs a job to its end; returns its ID. */
async function finishJob({ plane, runner }: Setting): Promise<string> {
  const taskId = await startTask(plane, 'example/agent');
  await untilOver(plane, taskId);
  await runner.logged(new RegExp(`job finished job_id=${jobIdOf(taskId)}`));
  return jobIdOf(taskId);
}

const filesOf = async ({ runner }: Setting) => {
  const names = await Promise.all(['logs', 'jobs/finished'].map((name) => readdir(join(runner.folder, 'state', name))));
  // Except the runner's own log.
  return names
    .flat()
    .filter((name) => name !== 'runner.log')
    .toSorted();
};

async function age({ runner }: Setting, jobId: string, days: number): Promise<void> {
  const time = new Date(Date.now() - days * 86_400_000);
  await utimes(join(runner.folder, 'state/jobs/finished', `${jobId}.json`), time, time);
}

suite('job prune', () => {
  test('beside a runner removes old jobs with their logs, and leaves a running one alone', async () => {
    await using setting = await setUp();
    const { plane, runner, prune } = setting;
    const jobId = await finishJob(setting);
    const running = await startTask(plane, 'example/agent');
    await runner.logged(new RegExp(`job started job_id=${jobIdOf(running)}`));

    assert.deepEqual(await prune('--older-than', '7d'), {
      exitCode: 0,
      stdout: 'Nothing to remove.\n',
      stderr: '',
    });
    await age(setting, jobId, 8);
    const before = await filesOf(setting);
    const dry = await prune('--older-than', '7d', '--dry-run');
    assert.match(dry.stdout, /^KIND\tNAME\tSIZE\tREASON\n/);
    assert.match(dry.stdout, new RegExp(`^job\\t${jobId}\\t\\d+ bytes\\tfinished 8 days ago$`, 'm'));
    assert.match(dry.stdout, /Would remove: 1 job: \d+ bytes\.\n$/);
    assert.deepEqual(await filesOf(setting), before);

    const { exitCode, stdout } = await prune('--older-than', '7d', '--json');
    assert.equal(exitCode, 0);
    const { removed, bytes, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, { dryRun: false, kept: [], failures: [] });
    assert.deepEqual(removed, [{ kind: 'job', name: jobId, bytes, reason: 'finished 8 days ago' }]);
    assert.deepEqual(await filesOf(setting), [`${jobIdOf(running)}.log`]);

    assert.match((await prune()).stdout, /^Nothing to remove/, 'never a running job');
    assert.equal((await getTurn(plane, running)).Status, 'Pulling Agent Image on Local Runner');
    await eventually(async () => (await runner.jobLog(jobIdOf(running))) === 'said\n');
  });

  test('without options removes all finished jobs, after the runner has stopped', async () => {
    await using setting = await setUp();
    const jobId = await finishJob(setting);
    await setting.runner.stop();
    assert.match((await setting.prune('--dry-run')).stdout, /Would remove: 1 job/);
    const unknown = `${makeRecord().jobId}.2026.log`;
    await writeFile(join(setting.runner.folder, 'state/logs', unknown), 'x');
    const { stdout } = await setting.prune();
    assert.match(stdout, /Removed: 1 job/);
    assert.match(
      stdout,
      new RegExp(`\nKept: log ${unknown}: its job is unknown, last written .* ago, stays for 5 minutes\\.\n$`),
    );
    assert.ok(!(await filesOf(setting)).some((name) => name.startsWith(jobId)));
  });

  test('without a ready runtime removes files, and warns that it skips the rest', async () => {
    await using setting = await setUp();
    await finishJob(setting);
    await setting.runner.stop();
    const config = join(setting.runner.folder, 'nowhere.toml');
    const { exitCode, stdout, stderr } = await setting.prune('--older-than', '0s', '-c', config);
    assert.deepEqual([exitCode, stdout], [3, '']);
    assert.match(stderr, /^ERROR: configuration file .*nowhere\.toml/);
    const env = { PATH: '/nowhere', PLAN42_RUNNER_RUNTIME: 'docker' };
    const state = join(setting.runner.folder, 'state');
    const run = await runCli(['runner', 'job', 'prune', '--state-dir', state, '--older-than', '0s'], { env });
    assert.equal(
      run.stderr,
      'WARNING: skipping containers and images: the runtime docker is not ready: there is no docker command\n',
    );
    assert.match(run.stdout, /Removed: 1 job/);
    assert.equal(run.exitCode, 0);
  });

  test('is done by a runner soon after its start', async () => {
    await using plane = await startControlPlane();
    await using dir = await makeTempDir();
    const finished = join(dir.path, 'state/jobs/finished');
    await mkdir(finished, { recursive: true });
    const record = join(finished, `${makeRecord().jobId}.json`);
    await writeFile(record, '{}');
    await utimes(record, 0, 0);
    const config = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
    const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
    await using runner = await RunnerProcess.start({ ...options, folder: dir.path });
    await runner.logged(/garbage removed removed="1 job: 2 bytes"/);
    assert.deepEqual(await readdir(finished), []);
  });

  test('without any runner creates nothing', async () => {
    await using dir = await makeTempDir();
    const { exitCode, stdout } = await runCli(['runner', 'job', 'prune', '--state-dir', join(dir.path, 'state')], {
      env: { HOME: dir.path },
    });
    assert.deepEqual([exitCode, stdout], [0, 'Nothing to remove.\n']);
    assert.deepEqual(await readdir(dir.path), []);
  });

  test('rejects an invalid duration', async () => {
    const { exitCode, stderr } = await runCli(['runner', 'job', 'prune', '--older-than', '7 weeks']);
    assert.equal(exitCode, 2);
    assert.match(
      stderr,
      /^ERROR: .*'7 weeks' is invalid\. It is not a duration like "30s", "1h30m" or "7d"\. Run "plan42 runner job prune --help"\.\n$/,
    );
  });
});
