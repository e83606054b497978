/** End to end with a stand-in for Apple's container: the real control plane and the real runner. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { agentImage, type FakeApple, type FakeMac, noEntrypointImage, startFakeApple } from './support/fake-apple.ts';
import { type RunnerOptions, RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

interface Setting extends AsyncDisposable {
  apple: FakeApple;
  plane: TestControlPlane;
  options: RunnerOptions;
}

async function setUp(mac: FakeMac = {}, config = ''): Promise<Setting> {
  await using resources = new AsyncDisposableStack();
  const apple = resources.use(await startFakeApple(mac));
  const plane = resources.use(await startControlPlane());
  const options = {
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: 'apple',
    config,
    env: apple.env,
  } as const;
  const owned = resources.move();
  return { apple, plane, options, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startRunner(options: RunnerOptions): Promise<RunnerProcess> {
  const runner = await RunnerProcess.start(options);
  await runner.ready();
  return runner;
}

suite('apple', { concurrency: false }, () => {
  test('the runner starts the services; an agent receives its request, and its turn has its result', async () => {
    await using setting = await setUp();
    const { apple, plane } = setting;
    await using runner = await startRunner(setting.options);
    assert.ok(apple.state.has('services'));
    const taskId = await startTask(plane, agentImage, 'cat $REQUEST; echo; exit 3');
    const { turn } = await untilOver(plane, taskId);
    assert.equal(turn.Status, 'Failed');
    assert.match(turn.ErrorMessage, /exit code 3 .*plan42 runner job logs (--state-dir \S+ )?plan42-/s);
    const [args, request = ''] = (await runner.jobLog(jobIdOf(taskId))).trimEnd().split('\n');
    assert.equal(args, 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output');
    assert.equal(JSON.parse(request).Task.TaskId, taskId);
    await runner.logged(/job finished/);
    assert.deepEqual(apple.state.containers(), []);
    assert.deepEqual(await readdir(join(runner.folder, 'state/jobs/active')), []);
    assert.ok(!apple.state.calls().some((call) => /p42[ar]_/.test(call)), 'no token on a command line');
  });

  test('reports why an image cannot be used', async () => {
    await using setting = await setUp();
    await using _runner = await startRunner(setting.options);
    const failure = async (image: string) =>
      (await untilOver(setting.plane, await startTask(setting.plane, image))).turn.ErrorMessage;
    assert.match(
      await failure('registry.example/test/none:v1'),
      /cannot pull the image registry.example\/test\/none:v1: .*404/,
    );
    assert.match(
      await failure(noEntrypointImage),
      /could not be started: failed to find target executable \/usr\/bin\/agent-wrapper\./,
    );
  });

  test('a job survives a killed runner, whose next start reports the exit code', async () => {
    await using setting = await setUp();
    const { plane, options } = setting;
    const first = await startRunner(options);
    const taskId = await startTask(plane, agentImage, 'for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done; exit 5');
    await first.logged(/job started/);
    assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
    await using second = await startRunner({ ...options, folder: first.folder });
    await second.logged(/adopted job from previous run/);
    const { turn } = await untilOver(plane, taskId);
    assert.match(turn.ErrorMessage, /exit code 5/);
    const lines = (await second.jobLog(jobIdOf(taskId))).trimEnd().split('\n').slice(1);
    assert.deepEqual(lines, ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 6']);
  });

  test('a job that exited without a runner and services is reported', async () => {
    await using setting = await setUp();
    const { plane, options, apple } = setting;
    const first = await startRunner(options);
    const taskId = await startTask(plane, agentImage, 'sleep 1; exit 6');
    await first.logged(/job started/);
    await first.stop('SIGKILL');
    const folder = join(first.folder, 'state/jobs/active', jobIdOf(taskId));
    await eventually(async () => (await readdir(folder)).includes('supervisor.exited.6'));
    apple.state.set('services', false);
    await using _second = await startRunner({ ...options, folder: first.folder });
    assert.match((await untilOver(plane, taskId)).turn.ErrorMessage, /exit code 6/);
    await eventually(async () => apple.state.containers().length === 0);
  });

  test('crashed services fail the turn and are started for the next job', async () => {
    await using setting = await setUp();
    const { plane, options, apple } = setting;
    await using runner = await startRunner(options);
    const taskId = await startTask(plane, agentImage, 'sleep 60');
    await runner.logged(/job started/);
    await eventually(async () => apple.state.containers()[0]?.state === 'running');
    apple.crash();
    assert.match((await untilOver(plane, taskId)).turn.ErrorMessage, /its exit code is unknown/);
    const next = await untilOver(plane, await startTask(plane, agentImage, 'exit 0'));
    assert.match(next.turn.ErrorMessage, /exit code 0/);
  });

  test('warns of settings that it cannot apply, and rejects a macOS that is too old', async () => {
    await using setting = await setUp({}, '[jobs]\npids = 100\n');
    await using runner = await startRunner(setting.options);
    assert.match(runner.log, /WARN +runtime warning reason="jobs\.pids is not applied by Apple’s container/);
    await using old = await setUp({ macOs: '15.6' });
    await using refused = await RunnerProcess.start(old.options);
    assert.equal(await refused.ended(), 5);
    assert.match(refused.log, /ERROR: the runtime apple is not ready: .*this is macOS 15\.6/);
  });
});
