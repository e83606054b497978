/** The commands that monitor and control a runner, with the real runner, both running and stopped. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { parseAs } from './support/json-schemas.ts';
import { MessagePlane } from './support/message-plane.ts';
import { type RunnerOptions, RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const executable = join(import.meta.dirname, '../bin/plan42');
const agent = 'i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo line $i; sleep 0.1; done';
const config = `[jobs]
max_jobs = 1
[host]
unisolated = true
command = ["/bin/sh", "-c", "${agent}"]
[queues]
poll_wait = "1s"
drain_time = "100ms"
`;

interface Run {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs `plan42 runner …` for the runner in this folder. */
async function plan42(folder: string, ...argv: string[]): Promise<Run> {
  return run({ PATH: process.env['PATH'], HOME: folder, ...places(folder) }, argv);
}

async function run(env: NodeJS.ProcessEnv, argv: readonly string[]): Promise<Run> {
  try {
    const { stdout, stderr } = await promisify(execFile)(executable, ['runner', ...argv], { env });
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { exitCode: code, stdout, stderr };
  }
}

function places(folder: string): NodeJS.ProcessEnv {
  return { PLAN42_STATE_DIR: join(folder, 'state'), PLAN42_CONFIG_FILE: join(folder, 'plan42-runner.toml') };
}

/** A server that sends more jobs than there are slots, as others do. */
async function startOtherServer(plane: TestControlPlane): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(() => plane.server.url);
  proxy.hidesSlots = true;
  return proxy;
}

async function startRunner(plane: TestControlPlane, options: Partial<RunnerOptions> = {}): Promise<RunnerProcess> {
  const token = await plane.newToken();
  const runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: 'host', config, ...options });
  try {
    await runner.ready();
  } catch (error) {
    await runner[Symbol.asyncDispose]();
    throw error;
  }
  return runner;
}

test('a job is listed, followed and killed while the runner runs', async () => {
  await using plane = await startControlPlane();
  await using proxy = await startOtherServer(plane);
  await using runner = await startRunner(plane, { url: proxy.url });
  const { folder } = runner;
  const taskId = await startTask(plane, 'example/agent');
  const jobId = jobIdOf(taskId);
  await runner.logged(/job started/);
  const waiting = jobIdOf(await startTask(plane, 'example/agent'));
  await runner.logged(/waiting for slot/);

  const following = spawn(executable, ['runner', 'job', 'logs', taskId, '-f', '-n', 'all'], {
    env: { PATH: process.env['PATH'], ...places(folder) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const followed = text(following.stdout);
  const followingEnded = once(following, 'exit');

  const list = parseAs('runner-job-list.json', (await plan42(folder, 'job', 'list', '--json')).stdout);
  assert.deepEqual([list.length, list[0].jobId, list[0].running], [1, jobId, true]);
  const status = parseAs('runner-status.json', (await plan42(folder, 'status', '--json')).stdout);
  assert.deepEqual(
    [status.state, status.runner.phase, status.runner.runtime, status.runner.pid],
    ['running', 'ready', 'host', runner.pid],
  );
  assert.deepEqual(status.runner.jobs, { running: 1, starting: 0, waiting: 1, ending: 0, max: 1 });
  assert.ok(status.runner.queues[0].utilisation > 0);
  assert.match((await plan42(folder, 'status')).stdout, /Jobs +1 of 1 running, 1 waiting/);

  assert.deepEqual(await plan42(folder, 'job', 'kill', waiting), {
    exitCode: 0,
    stdout: `Job ${waiting} was killed.\n`,
    stderr: '',
  });
  const killed = await plan42(folder, 'job', 'kill', taskId.slice(0, 13));
  assert.deepEqual(killed, { exitCode: 0, stdout: `Job ${jobId} was killed.\n`, stderr: '' });
  const { turn } = await untilOver(plane, taskId);
  assert.match(turn.ErrorMessage, /^The agent was killed by user\./);
  assert.deepEqual(await followingEnded, [0, null]);
  assert.equal(await followed, await runner.jobLog(jobId), 'from its first line to its last, each once');
  await eventually(async () => (await plan42(folder, 'job', 'kill', jobId)).stdout.includes('has already finished'));
  assert.match((await plan42(folder, 'job', 'list', '-a', '-v')).stdout, /finished \(killed\)/);
});

test('a job is killed without a runner, and the next run reports it', async () => {
  await using plane = await startControlPlane();
  await using proxy = await startOtherServer(plane);
  await using first = await startRunner(plane, { url: proxy.url });
  const { folder } = first;
  const taskId = await startTask(plane, 'example/agent');
  await first.logged(/job started/);
  const waitingTask = await startTask(plane, 'example/agent');
  await first.logged(/waiting for slot/);
  await first.stop('SIGKILL');

  const status = await plan42(folder, 'status');
  assert.equal(status.exitCode, 1);
  assert.match(status.stdout, /^Runner +Not Running\n/);
  assert.match(status.stdout, new RegExp(`${jobIdOf(taskId)}\\t.*\\tYes\\t`));
  assert.match((await plan42(folder, 'job', 'list')).stdout, new RegExp(`${jobIdOf(taskId)}\\t.*\\tYes\\t`));
  assert.match(
    (await plan42(folder, 'job', 'kill', taskId)).stdout,
    /was killed\. The runner reports this to the server when it starts/,
  );
  assert.match((await plan42(folder, 'job', 'kill', waitingTask)).stdout, /will not start\./);
  assert.match((await plan42(folder, 'job', 'kill', taskId)).stdout, /has already finished/);
  assert.match((await plan42(folder, 'job', 'list')).stderr, /No job is running/);

  await using second = await startRunner(plane, { url: proxy.url, folder });
  assert.match((await untilOver(plane, taskId)).turn.ErrorMessage, /^The agent was killed by user\./);
  assert.match((await untilOver(plane, waitingTask)).turn.ErrorMessage, /killed by user before it started/);
  assert.doesNotMatch(second.log, /job started/);
});

for (const name of ['podman', 'docker'] as const) {
  test(`a container is found and stopped without a runner, with ${name}`, async (t) => {
    const engines = await requires(t, name, 'registry');
    if (!engines) return;
    const { env } = engines[name] as { env: NodeJS.ProcessEnv };
    await using plane = await startControlPlane();
    const containers = '[images]\npull_policy = "if-not-present"\n[jobs]\nstop_timeout = "1s"\n';
    const options = { runtime: name, config: containers, env };
    await using first = await startRunner(plane, options);
    const taskId = await startTask(plane, engines.images.agent, 'echo at work; sleep 300');
    await first.logged(/job started/);
    // Reported for a created container; the engine lists it only after its start.
    await eventually(async () => (await first.jobLog(jobIdOf(taskId))).includes('at work'));
    await first.stop('SIGKILL');

    const command = (...argv: string[]) => run({ ...process.env, ...env, ...places(first.folder) }, argv);
    assert.match((await command('job', 'list')).stdout, new RegExp(`${jobIdOf(taskId)}\\t.*\\tYes\\t`));
    // Until then the engine may not know of the container yet.
    await eventually(async () => (await command('job', 'logs', taskId)).stdout !== '');
    // No process is left that records the exit, so the engine must be queried.
    const mark = await onlyMark(first.folder, jobIdOf(taskId));
    process.kill(mark.pid, 'SIGKILL');
    assert.match((await command('job', 'list')).stdout, new RegExp(`${jobIdOf(taskId)}\\t.*\\tYes\\t`));
    assert.equal((await command('job', 'kill', taskId)).stderr, '');
    assert.match((await command('job', 'list')).stderr, /No job is running/);
    assert.match((await command('job', 'kill', taskId)).stdout, /has already finished/);

    await using _second = await startRunner(plane, { ...options, folder: first.folder });
    assert.match((await untilOver(plane, taskId)).turn.ErrorMessage, /^The agent was killed by user\./);
  });
}

/** The process that supervises a job. */
async function onlyMark(folder: string, jobId: string): Promise<{ pid: number }> {
  const names = await readdir(join(folder, 'state/jobs/active', jobId));
  const mark = names.find((name) => name.startsWith('supervisor.running.'));
  return { pid: Number(mark?.split('.').at(-1)) };
}

test('the runner has its own log file, which also gets start-up errors', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  const options: RunnerOptions = { url: plane.server.url, token, runtime: 'host', config, args: ['--quiet'] };
  await using runner = await RunnerProcess.start(options);
  const { folder } = runner;
  const logs = () => plan42(folder, 'logs');
  await eventually(async () => (await logs()).stdout.includes('INFO  runner ready'));
  for (const name of ['control.sock', 'logs/runner.log'])
    assert.equal((await stat(join(folder, 'state', name))).mode & 0o777, 0o600, name);
  assert.equal(runner.log, '');

  await using rival = await RunnerProcess.start({ ...options, folder });
  assert.equal(await rival.ended(), 1);
  assert.match(rival.log, /^ERROR: another runner is using the state folder/);
  assert.match((await logs()).stdout, /^\S+Z ERROR: another runner is using the state folder/m);
  assert.equal((await plan42(folder, 'status')).exitCode, 0, 'the first one still responds');
  assert.equal(await runner.stop(), 0);
  assert.match((await plan42(folder, 'logs', '-n', '1')).stdout, /runner stopped/);
  assert.deepEqual(runner.log, '');
});

test('a degraded runner reports the reason, and still responds to pings and status', async () => {
  const plane = await new MessagePlane().listen();
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'host', config });
  await runner.ready();
  await plane[Symbol.asyncDispose]();
  const status = await eventually(async () => {
    const document = JSON.parse((await plan42(runner.folder, 'status', '--json')).stdout);
    return document.runner.phase === 'degraded' ? document : undefined;
  });
  assert.equal(status.runner.troubles[0].kind, 'unreachable');
  assert.match(status.runner.lastError.message, /server unreachable/);
});
