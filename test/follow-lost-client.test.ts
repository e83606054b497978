/** `plan42 runner job logs -f` of a job whose client is gone, with a real engine and without a runner. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { JobStore } from '../src/jobs/store.ts';
import { readState } from '../src/shim/shim.ts';
import {
  type EngineJob,
  killClient,
  releaseAgent,
  runUntilReleased,
  setUpEngineJob,
  startAndWrite,
} from './support/engine-job.ts';
import { makeRecord } from './support/job-record.ts';
import { runCli } from './support/run-cli.ts';
import { makeTempDir } from './support/temp-dir.ts';

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: 2 }, () => {
    test('a log is followed while the container runs', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const { jobId, engine, env } = setting;
      const following = runCli(['runner', 'job', 'logs', jobId, '-f', '-n', 'all'], { env });
      assert.equal(await soon(following), undefined, 'the container runs');
      await releaseAgent(setting);
      const { exitCode, stdout } = await following;
      assert.equal(exitCode, 0);
      assert.match(stdout, /begun\n/);
      assert.equal((await engine('inspect', '--format', '{{.State.Running}}', jobId)).trim(), 'false');
    });

    test('if the engine cannot be queried, a warning says so, and the log is still followed', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const { jobId, engine } = setting;
      const nowhere = { DOCKER_HOST: 'unix:///does/not/exist', CONTAINERS_STORAGE_CONF: '/does/not/exist' };
      const env = { ...setting.env, ...nowhere };
      const enough = new AbortController();
      const reported = Promise.withResolvers<void>();
      const following = runCli(['runner', 'job', 'logs', jobId, '-f', '-n', 'all'], {
        env,
        signal: enough.signal,
        onOutput: ({ stderr }) => /cannot check whether job \S+ has finished: ./.test(stderr) && reported.resolve(),
      });
      await Promise.race([reported.promise, following]);
      // It keeps following while the engine is polled.
      assert.equal(await soon(following), undefined);
      const list = await runCli(['runner', 'job', 'list'], { env });
      assert.match(list.stdout, new RegExp(jobId.slice(0, 16)));
      enough.abort();
      assert.equal((await following).stderr.match(/cannot check whether/g)?.length, 1);
      await engine('rm', '--force', jobId);
    });
  });
}

/** Undefined if it takes longer. */
async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, delay(3000, undefined)]);
}

interface Setting extends AsyncDisposable {
  jobId: string;
  job: EngineJob['job'];
  env: NodeJS.ProcessEnv;
  engine: EngineJob['engine'];
}

/** A job in a state folder, with its container running and its client killed. */
async function setUp(t: TestContext, name: 'docker' | 'podman'): Promise<Setting | undefined> {
  await using undo = new AsyncDisposableStack();
  const setting = undo.use(await setUpEngineJob(t, name, { commands: runUntilReleased('exit 3') }));
  if (!setting.runtime) return undefined;
  const dir = undo.use(await makeTempDir());
  const store = await JobStore.open(dir.path, join(dir.path, 'logs'));
  const record = makeRecord({ runtime: name, phase: 'started', instanceId: 'test' });
  await store.create(record, { request: '{}', agentToken: 't' });
  Object.assign(setting.job, store.paths(record.jobId));
  await startAndWrite(setting, 'begun');
  await killClient(setting.job);
  assert.equal((await readState(setting.job.folder)).phase, 'exited');
  const owned = undo.move();
  return {
    jobId: record.jobId,
    job: setting.job,
    env: { ...setting.env, HOME: dir.path, PLAN42_STATE_DIR: dir.path },
    engine: setting.engine,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
