/** From a created task to a finished turn: the real control plane, the real runner, real containers from a real registry. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import type { Engines } from './support/engines.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  runner: RunnerProcess;
  engines: Pick<Engines, 'registry' | 'images'> & { images: NonNullable<Engines['images']> };
  /** The engine's own command, as a person would use it. */
  engine(...args: string[]): Promise<string>;
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: false }, () => {
    test('an agent gets its request, runs within its limits, and its turn gets its status', async (t) => {
      const models = 'openai_token = "sk-own-token"\nno_websearch = true\nno_cache_ttl = true\n';
      await using setting = await setUp(t, name, models);
      if (!setting.plane) return;
      const { plane, runner, engines } = setting;
      const inspect = [
        'cat $REQUEST',
        'echo',
        'cd /sys/fs/cgroup',
        'for f in cpu.max cpu/cpu.cfs_quota_us memory.max memory/memory.limit_in_bytes pids.max pids/pids.max',
        'do test -f $f && echo $f $(cat $f)',
        'done',
        'grep NoNewPrivs /proc/self/status',
        'grep CapBnd /proc/self/status',
        'ls /var/run/docker.sock /run/podman',
        'echo to stderr >&2',
        'exit 3',
      ].join('; ');
      const taskId = await startTask(plane, engines.images.agent, inspect);
      const { turn, statuses } = await untilOver(plane, taskId);

      assert.equal(turn.Status, 'Failed');
      assert.match(turn.ErrorMessage, /exit code 3 .*plan42 runner job logs (--state-dir \S+ )?plan42-/s);
      assert.ok(turn.CompletedAt);
      assert.ok(statuses.includes('Pulling Agent Image on Local Runner') || statuses.length <= 2, statuses.join());

      const log = await runner.jobLog(jobIdOf(taskId));
      // Engines carry standard output and error in two pipes, each in its order.
      const isError = (line: string) => line.startsWith('ls:') || line === 'to stderr';
      const lines = log.trimEnd().split('\n');
      const [args, request = '', ...rest] = lines.filter((line) => !isError(line));
      const switches = '--encrypted-input=false --plan42-proxy --log-agent-output --no-websearch --no-cache-ttl';
      assert.equal(args, `ARGS: ${switches}`);
      const input = JSON.parse(request);
      assert.equal(input.Type, 'InvokeAgentRequest');
      assert.equal(input.Task.TaskId, taskId);
      assert.equal(
        input.Turn.Status,
        'Pulling Agent Image on Local Runner',
        'the newest turn that the server returned',
      );
      assert.ok(input.AgentToken.startsWith('p42a_'));
      assert.equal(input.OpenAIToken, 'sk-own-token', 'without a wall');
      assert.ok(!runner.log.includes('sk-own-token'));
      assert.deepEqual(rest, [
        ...(rest[0]?.startsWith('cpu.max')
          ? ['cpu.max 400000 100000', `memory.max ${8 * 2 ** 30}`, 'pids.max 4096']
          : ['cpu/cpu.cfs_quota_us 400000', `memory/memory.limit_in_bytes ${8 * 2 ** 30}`, 'pids/pids.max 4096']),
        'NoNewPrivs:\t1',
        'CapBnd:\t00000000000400fb',
      ]);
      const errors = lines.filter(isError);
      assert.equal(errors.filter((line) => line.startsWith('ls:')).length, 2, 'no engine socket inside');
      assert.deepEqual([errors.length, errors.at(-1)], [3, 'to stderr']);
    });

    test('leaves no container, secret or active record', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting.plane) return;
      const { plane, runner, engines, engine } = setting;
      const taskId = await startTask(plane, engines.images.agent, 'echo started; sleep 1');
      const jobId = jobIdOf(taskId);
      await runner.logged(/job started/);
      const inspected = await engine('inspect', jobId);
      assert.ok(!inspected.includes('p42a_'), 'no token in inspect');
      const folder = join(runner.folder, 'state/jobs/active', jobId);
      await assert.rejects(access(join(folder, 'request.json')), 'the agent has read it');
      await untilOver(plane, taskId);
      await runner.logged(/job finished/);
      assert.ok(!(await engine('ps', '--all', '--format', '{{.Names}}')).includes(jobId));
      assert.deepEqual(await readdir(join(runner.folder, 'state/jobs/active')), []);
      assert.deepEqual(await readdir(join(runner.folder, 'state/jobs/finished')), [`${jobId}.json`]);
      assert.ok(!/p42[ar]_\w/.test(runner.log), 'no token in the log');
    });

    test('a cancelled turn ends its container', async (t) => {
      await using setting = await setUp(t, name, '[jobs]\nstop_timeout = "500ms"\n');
      if (!setting.plane) return;
      const { plane, runner, engines, engine } = setting;
      const taskId = await startTask(plane, engines.images.agent, `trap '' TERM; while :; do sleep 0.1; done`);
      await runner.logged(/job started/, 60_000);
      await eventually(async () => {
        const { Version } = (await plane.call('GET', `tasks/${taskId}/turns/1`)).body;
        const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
        return (await plane.call('PATCH', `tasks/${taskId}/turns/1`, { ifMatch: Version, body })).status === 200;
      });
      await runner.logged(/stopping job, its turn has ended/, 60_000);
      await runner.logged(/job finished/, 60_000);
      assert.ok(!(await engine('ps', '--all', '--format', '{{.Names}}')).includes(jobIdOf(taskId)));
    });

    test('reports an unusable image', async (t) => {
      await using setting = await setUp(t, name, '[images]\nallowed = ["127.0.0.1:*/test/*"]\n');
      if (!setting.plane) return;
      const { plane, engines } = setting;
      const failure = async (image: string) =>
        (await untilOver(plane, await startTask(plane, image))).turn.ErrorMessage;
      const missing = `${engines.registry}/test/nonesuch:v1`;
      assert.match(
        await failure(missing),
        new RegExp(`cannot pull the image ${missing}: .*(manifest unknown|not found)`, 'i'),
      );
      assert.match(
        await failure('docker.io/library/busybox'),
        /'docker.io\/library\/busybox' is not allowed on this runner/,
      );
      await assert.rejects(
        startTask(plane, 'busybox:latest extra text'),
        /400 DockerImage: "busybox:latest extra text" is not the name of an image: its tag is invalid/,
      );
      assert.match(
        await failure(engines.images.noEntrypoint),
        /could not be started: .*agent-wrapper.*(no such file|not found)/is,
      );
    });

    test('follows the pull policy', async (t) => {
      const shared = await imageName(t);
      if (!shared) return;
      // A name of its own, because other tests pull the shared one at any time.
      const image = shared.replace(/(?::[^:/]*)?$/, `:policy-of-${name}`);
      {
        await using setting = await setUp(t, name, '[images]\npull_policy = "never"\n');
        if (!setting.plane) return;
        await setting.engine('pull', shared);
        await setting.engine('tag', shared, image);
        await setting.engine('push', image);
        await setting.engine('rmi', image);
        const { turn } = await untilOver(setting.plane, await startTask(setting.plane, image));
        assert.match(turn.ErrorMessage, /is not on this machine, and images.pull_policy is "never"/);
      }
      {
        await using setting = await setUp(t, name, '[images]\npull_policy = "if-not-present"\n');
        if (!setting.plane) return;
        const { turn } = await untilOver(setting.plane, await startTask(setting.plane, image));
        assert.match(turn.ErrorMessage, /exit code 0/);
      }
      {
        await using setting = await setUp(t, name, '[images]\npull_policy = "never"\n');
        if (!setting.plane) return;
        const { turn } = await untilOver(setting.plane, await startTask(setting.plane, image));
        assert.match(turn.ErrorMessage, /exit code 0/, 'it is there now');
      }
    });
  });
}

async function imageName(t: TestContext): Promise<string | undefined> {
  return (await requires(t, 'registry'))?.images.agent;
}

async function setUp(t: TestContext, name: 'podman' | 'docker', config = ''): Promise<Setting | Nothing> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return nothing;
  const { env } = engines[name] as { env: NodeJS.ProcessEnv };
  await using undo = new AsyncDisposableStack();
  const plane = undo.use(await startControlPlane());
  const token = await plane.newToken();
  const runner = undo.use(await RunnerProcess.start({ url: plane.server.url, token, runtime: name, config, env }));
  await runner.ready();
  const run = promisify(execFile);
  const owned = undo.move();
  return {
    plane,
    runner,
    engines,
    engine: async (...args) => (await run(name, args, { env: { ...process.env, ...env } })).stdout,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Nothing extends AsyncDisposable {
  plane?: never;
}

const nothing: Nothing = { [Symbol.asyncDispose]: async () => {} };
