/** What docker and podman do with a job when its client, its container or the engine itself is not where it should be. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { readConfig } from '../src/config/read.ts';
import { silentLogger } from '../src/lib/logger.ts';
import { createDockerRuntime } from '../src/runtimes/docker.ts';
import { createPodmanRuntime } from '../src/runtimes/podman.ts';
import { type Runtime, RuntimeError, type StartOptions } from '../src/runtimes/runtime.ts';
import { launchedAtMs, readState } from '../src/runtimes/supervisor.ts';
import { makePausingEngine } from './support/crash/pausing-engine.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { makeJobFolder } from './support/job-folder.ts';

interface Setting extends AsyncDisposable {
  runtime: Runtime;
  job: StartOptions;
  log: () => Promise<string>;
  engine: (...args: string[]) => Promise<string>;
  /** The same, on an engine that nobody can reach. */
  unreachable: Runtime;
}

const createRuntime = { docker: createDockerRuntime, podman: createPodmanRuntime };

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: 2 }, () => {
    test('a kill between the making and the start of a container is not lost', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60', isPausing: true });
      if (!setting.runtime) return;
      const { runtime, job } = setting;
      await runtime.start(job);
      await runtime.kill(job, 500);
      const { exitCode } = await runtime.wait(job);
      assert.ok(exitCode === 137 || exitCode === 143, `${exitCode}`);
    });

    test('a container has no swap beyond its memory, and its ID is its owner’s alone', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60' });
      if (!setting.runtime) return;
      const { runtime, job, engine } = setting;
      await runtime.start(job);
      const { mode } = await stat(join(job.folder, 'container-id'));
      assert.equal(mode & 0o777, 0o600);
      const format = '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}';
      const [memory, swap] = (await engine('container', 'inspect', '--format', format, job.jobId)).trim().split(' ');
      // Without swap accounting in the kernel there is no such limit.
      assert.ok(Number(memory) > 0 && (swap === memory || Number(swap) <= 0), `${memory} ${swap}`);
      await runtime.kill(job, 100);
      await runtime.wait(job);
      await runtime.remove(job);
    });

    test('a kill whose client and supervisor are gone insists all the same', async (t) => {
      await using setting = await setUp(t, name, { commands: `trap '' TERM; echo begun; while :; do sleep 0.1; done` });
      if (!setting.runtime) return;
      const { runtime, job, log } = setting;
      await runtime.start(job);
      await eventually(async () => (await log()).includes('begun'), 20_000);
      await killSupervisor(job);
      const waiting = runtime.wait(job);
      await runtime.kill(job, 300);
      const exit = await waiting;
      assert.deepEqual([exit.exitCode, exit.startError], [137, undefined]);
    });

    test('a job whose supervisor is gone has the exit code that its container has', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 3; exit 6' });
      if (!setting.runtime) return;
      const { runtime, job, log } = setting;
      await runtime.start(job);
      await eventually(async () => (await log()).includes('begun'), 20_000);
      await killSupervisor(job);
      assert.equal((await runtime.wait(job)).exitCode, 6);
    });

    test('a container that somebody removed has ended, and was no failure to start', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60' });
      if (!setting.runtime) return;
      const { runtime, job, log, engine } = setting;
      await runtime.start(job);
      await eventually(async () => (await log()).includes('begun'), 20_000);
      await engine('rm', '--force', job.jobId);
      const exit = await runtime.wait(job);
      assert.equal(exit.startError, undefined);
      assert.ok(exit.exitCode === 137 || exit.exitCode === undefined, `${exit.exitCode}`);
      await runtime.remove(job);
    });

    test('an engine that doesn’t answer is waited for, and nothing is taken for gone', async (t) => {
      await using setting = await setUp(t, name, { commands: 'exit 4' });
      if (!setting.runtime) return;
      const { runtime, job, unreachable } = setting;
      await runtime.start(job);
      await eventually(async () => (await readState(job.folder)).phase === 'exited', 20_000);
      assert.ok((await launchedAtMs(job.folder)) > Date.now() - 60_000);
      await assert.rejects(unreachable.wait(job, AbortSignal.timeout(1500)), { name: 'TimeoutError' });
      await assert.rejects(unreachable.remove(job), RuntimeError);
      await assert.rejects(unreachable.kill(job, 10), RuntimeError);
      assert.equal((await runtime.wait(job)).exitCode, 4);
      await runtime.remove(job);
      await runtime.remove(job);
    });
  });
}

/** As the kernel does when there is no memory left. */
async function killSupervisor({ folder }: StartOptions): Promise<void> {
  const state = await readState(folder);
  assert.ok(state.phase === 'running');
  process.kill(-state.pid, 'SIGKILL');
}

interface Nothing extends AsyncDisposable {
  runtime?: never;
}

async function setUp(
  t: TestContext,
  name: 'docker' | 'podman',
  { commands, isPausing = false }: { commands: string; isPausing?: boolean },
): Promise<Setting | Nothing> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return { [Symbol.asyncDispose]: async () => {} };
  const folder = await makeJobFolder(JSON.stringify({ Prompt: `@@${commands}@@` }));
  const job = { ...folder, jobId: `plan42-${randomUUID()}-1`, image: engines.images.agent };
  const PATH = isPausing ? await makePausingEngine(name, join(folder.folder, 'bin')) : process.env['PATH'];
  if (isPausing) await run('touch', [join(folder.folder, 'bin/pause')]);
  const env = { ...process.env, ...engines[name].env, PATH };
  const { config } = readConfig({ env: {}, flags: new Map() });
  const create = (environment: NodeJS.ProcessEnv) =>
    createRuntime[name]({ env: environment, instanceId: 'test', limits: config.jobs, logger: silentLogger });
  const runtime = create(env);
  await runtime.pull(job.image, 'if-not-present');
  const engine = (...args: string[]) => run(name, args, { env: engines[name].env });
  return {
    runtime,
    job,
    engine,
    unreachable: create({
      ...env,
      DOCKER_HOST: 'unix:///does/not/exist',
      CONTAINERS_STORAGE_CONF: '/does/not/exist',
    }),
    log: async () => ((await stat(job.logFile).catch(() => undefined)) ? readFile(job.logFile, 'utf8') : ''),
    [Symbol.asyncDispose]: async () => {
      await engine('rm', '--force', job.jobId).catch(() => {});
      await folder[Symbol.asyncDispose]();
    },
  };
}
