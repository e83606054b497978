/** A runner that drains loses no message and no job, and does not wait indefinitely. */
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { faults } from './support/faults.ts';
import { healthyQueues, listQueues, PingLoad } from './support/ping-load.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const host = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
// A poll that is under way is waited for.
const queues = '[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n';
const timing = { healthCheckTimeoutMs: 20_000, healthCheckIntervalMs: 600_000 };

suite('drain', { timeout: 120_000, concurrency: 3 }, () => {
  test('while several senders send: every message is answered, and the queues are gone', async (t) => {
    await using plane = await startControlPlane({ timing });
    await using proxy = await FaultProxy.start(() => plane.server.url);
    const config = `${host}${queues}scale_up_after = "500ms"\nscale_up_at = 0.1\nmax_queues = 4\n`;
    await using runner = await startRunner(plane, { url: proxy.url, config });
    await using load = new PingLoad(plane);
    let stopped = false;
    const senders = load.keepPinging(50, () => stopped);
    await eventually(async () => (await healthyQueues(plane)).length === 4);
    const before = proxy.delivered.size;
    assert.equal(await runner.stop(), 0);
    stopped = true;
    await senders;

    assert.deepEqual(await listQueues(plane), []);
    const answers = proxy.answerCounts();
    const unanswered = [...proxy.delivered.keys()].filter((messageId) => answers.get(messageId) !== 1);
    assert.deepEqual(unanswered, []);
    assert.equal(load.outcomes.lost, 0);
    const during = proxy.delivered.size - before;
    t.diagnostic(`${proxy.delivered.size} messages delivered and answered, ${during} of them after SIGTERM`);
    assert.ok(during > 0, 'some were under way');
    assert.match(runner.log, /draining trigger=SIGTERM queues=4/);
  });

  test('with the server unreachable it is given up after shutdown_timeout', async () => {
    await using plane = await startControlPlane({ timing });
    await using proxy = await FaultProxy.start(() => plane.server.url);
    const config = `${host}${queues}shutdown_timeout = "2s"\n`;
    await using runner = await startRunner(plane, { url: proxy.url, config });
    await proxy.refuseConnections();
    const startedAt = performance.now();
    assert.equal(await runner.stop(), 0);
    const ms = performance.now() - startedAt;
    assert.ok(ms > 1500 && ms < 15_000, `${ms} ms`);
    assert.match(runner.log, /drain timed out/);
  });

  test('with the server unreachable it is given up long before the default shutdown_timeout', async () => {
    await using plane = await startControlPlane({ timing });
    await using proxy = await FaultProxy.start(() => plane.server.url);
    await using runner = await startRunner(plane, { url: proxy.url, config: `${host}${queues}` });
    await proxy.refuseConnections();
    const startedAt = performance.now();
    assert.equal(await runner.stop(), 0);
    assert.ok(performance.now() - startedAt < 100_000);
    assert.match(runner.log, /server unreachable, leaving queues to the next start/);
    assert.match(runner.log, /runner stopped/);
  });

  test('running jobs go on', async () => {
    await using dir = await makeTempDir();
    await using plane = await startControlPlane({ timing });
    const [pidFile, stopFile] = [join(dir.path, 'pid'), join(dir.path, 'stop')];
    const script = `echo $$ > ${pidFile}; while [ ! -e ${stopFile} ]; do sleep 0.05; done; echo done`;
    const command = JSON.stringify(['/bin/sh', '-c', script]);
    await using runner = await startRunner(plane, {
      config: `[host]\nunisolated = true\ncommand = ${command}\n${queues}`,
    });
    const taskId = await startTask(plane, 'example/agent');
    await runner.logged(/job started/);
    const pid = await eventually(async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined);
    assert.equal(await runner.stop(), 0);
    assert.match(runner.log, /runner stopped running_jobs=1/);
    assert.ok(isAlive(pid), 'the agent is alive');
    await writeFile(stopFile, '');
    await eventually(async () => !isAlive(pid));
    assert.match(await runner.jobLog(jobIdOf(taskId)), /done/);
  });

  test('a pull is waited for; a second signal ends that soon, a third everything at once', async () => {
    await using docker = await fakeDocker({ hangsOn: 'pull' });
    await using plane = await startControlPlane({ timing });
    await using runner = await startRunner(plane, { runtime: 'docker', env: docker.env });
    await startTask(plane, 'example/agent');
    await docker.hangs();
    process.kill(runner.pid, 'SIGTERM');
    await runner.logged(/queue deleted/);
    assert.ok(isAlive(runner.pid), 'it waits for the pull');
    process.kill(runner.pid, 'SIGTERM');
    assert.equal(await within(10_000, runner.ended()), 0);
    assert.match(runner.log, /stop forced, leaving jobs that have not started to the next run/);
  });

  test('a pull that never ends is given up after shutdown_timeout', async () => {
    await using docker = await fakeDocker({ hangsOn: 'pull' });
    await using plane = await startControlPlane({ timing });
    const config = `${queues}shutdown_timeout = "2s"\n`;
    await using runner = await startRunner(plane, { runtime: 'docker', env: docker.env, config });
    await startTask(plane, 'example/agent');
    await docker.hangs();
    assert.equal(await within(20_000, runner.stop()), 0);
    assert.match(runner.log, /drain timed out/);
  });

  test('a second signal does not wait for a container that does not start either', async () => {
    await using docker = await fakeDocker({ hangsOn: 'run' });
    await using plane = await startControlPlane({ timing });
    await using runner = await startRunner(plane, { runtime: 'docker', env: docker.env });
    await startTask(plane, 'example/agent');
    await docker.hangs();
    process.kill(runner.pid, 'SIGTERM');
    await runner.logged(/queue deleted/);
    process.kill(runner.pid, 'SIGTERM');
    assert.equal(await within(10_000, runner.ended()), 0);
  });

  test('a third signal ends at once, with exit code 130', async () => {
    await using plane = await startControlPlane({ timing });
    await using proxy = await FaultProxy.start(() => plane.server.url);
    await using runner = await startRunner(plane, { url: proxy.url });
    await using load = new PingLoad(plane);
    // An answer that gets nowhere, so that there is something to wait for.
    proxy.plan = ({ kind }) => (kind === 'answer' ? faults.unanswered : faults.none);
    await eventually(async () => (await healthyQueues(plane)).length === 1);
    void load.keepPinging(1, () => false);
    await eventually(async () => proxy.callsOf('answer').length > 0);
    for (const line of [/ draining /, /stop forced/]) {
      process.kill(runner.pid, 'SIGINT');
      await runner.logged(line);
    }
    process.kill(runner.pid, 'SIGINT');
    assert.equal(await within(2000, runner.ended()), 130);
  });
});

async function startRunner(
  plane: TestControlPlane,
  {
    url = plane.server.url,
    ...options
  }: { url?: string; runtime?: 'docker'; env?: NodeJS.ProcessEnv; config?: string },
): Promise<RunnerProcess> {
  const token = await plane.newToken();
  const runner = await RunnerProcess.start({ runtime: 'host', config: host + queues, ...options, url, token });
  await runner.ready();
  return runner;
}

interface FakeDocker extends AsyncDisposable {
  env: NodeJS.ProcessEnv;
  /** Resolves when the command that never ends was given. */
  hangs(): Promise<void>;
}

/** A `docker` in the PATH that can do everything, but one command of it never ends. */
async function fakeDocker({ hangsOn }: { hangsOn: 'pull' | 'run' }): Promise<FakeDocker> {
  const dir = await makeTempDir();
  const pidFile = join(dir.path, 'pid');
  const path = join(dir.path, 'docker');
  await writeFile(path, `#!/bin/sh\n[ "$1" = ${hangsOn} ] || exit 0\necho $$ > ${pidFile}\nexec sleep 600\n`);
  await chmod(path, 0o755);
  const hanging = () => eventually(async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined);
  return {
    env: { PATH: `${dir.path}:${process.env['PATH']}` },
    hangs: async () => void (await hanging()),
    [Symbol.asyncDispose]: async () => {
      const pid = await hanging();
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await dir[Symbol.asyncDispose]();
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it takes longer than ${ms} ms`)), ms);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
