/** Tested against a fake `container` that was written from its documentation, not on a Mac. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import {
  agentImage,
  type FakeApple,
  noEntrypointImage,
  slowImage,
  startFakeApple,
} from '../../../test/support/fake-apple.ts';
import { isAlive, type JobFolder, makeJobFolder } from '../../../test/support/job-folder.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { tlsPair } from '../../../test/support/tls-pair.ts';
import { parseConfig } from '../../config/parse.ts';
import type { Config } from '../../config/schema.ts';
import { LaunchError, listJobProcesses, readState } from '../../shim/shim.ts';
import type { CaFile } from '../authorities.ts';
import { RuntimeError } from '../runtime.ts';
import { createAppleRuntime } from './apple.ts';

const defaults = parseConfig({ env: {}, flags: new Map() }).config.jobs;
const untilGo = (job: JobFolder) => `while [ ! -e ${job.folder}/go ]; do sleep 0.02; done`;
const letGo = (job: JobFolder) => writeFile(join(job.folder, 'go'), '');

interface Setting extends AsyncDisposable {
  apple: FakeApple;
  runtime: ReturnType<typeof createAppleRuntime>;
  /** A job whose agent does this. */
  newJob(commands?: (job: JobFolder) => string): Promise<JobFolder>;
}

async function setUp(limits: Partial<Config['jobs']> = {}, caFile?: CaFile): Promise<Setting> {
  await using starting = new AsyncDisposableStack();
  const apple = starting.use(await startFakeApple());
  const runtime = createAppleRuntime({
    env: apple.env,
    instanceId: 'ours',
    limits: { ...defaults, ...limits },
    caFile,
  });
  assert.ok((await runtime.prepare?.())?.ready);
  const resources = starting.move();
  const newJob = async (commands?: (job: JobFolder) => string) => {
    const job = resources.use(await makeJobFolder());
    const image = agentImage;
    await writeFile(job.requestFile, JSON.stringify({ Prompt: commands ? `@@${commands(job)}@@` : 'hello' }));
    return { ...job, image };
  };
  return { apple, runtime, newJob, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const container = async ({ env }: FakeApple, ...args: string[]) =>
  (await promisify(execFile)('container', args, { env })).stdout;

describe('readiness', () => {
  const create = ({ env }: { env: NodeJS.ProcessEnv }) =>
    createAppleRuntime({ env, instanceId: 'ours', limits: defaults });

  for (const [name, mac, reason] of [
    ['an older macOS', { macOs: '15.6.1' }, /needs macOS 26 or later on Apple silicon, and this is macOS 15\.6\.1/],
    ['a Mac with another processor', { arm64: '0' }, /no Apple silicon/],
    ['an older container', { version: '0.12.3' }, /container 0\.12\.3 is older than 1\.0/],
  ] as const) {
    test(`there is none on ${name}`, async () => {
      await using apple = await startFakeApple(mac);
      for (const check of [create(apple).checkReady(), create(apple).prepare?.()]) {
        const readiness = await check;
        assert.ok(readiness && !readiness.ready);
        assert.match(readiness.reason, reason);
        assert.ok(readiness.remedy);
      }
      await assert.rejects(create(apple).pull(agentImage, 'always'), RuntimeError);
    });
  }

  test('on another system it is not installed, whatever command has its name', async () => {
    await using apple = await startFakeApple();
    const runtime = create({ env: { PATH: join(apple.state.dir, 'elsewhere') } });
    assert.equal(await runtime.isInstalled(), false);
    const readiness = await runtime.checkReady();
    assert.ok(!readiness.ready);
    assert.match(readiness.reason, /this is not macOS/);
    assert.equal(await create(apple).isInstalled(), true);
  });

  test('a check starts nothing; to prepare starts the services, without a question', async () => {
    await using apple = await startFakeApple();
    const runtime = create(apple);
    const before = await runtime.checkReady();
    assert.ok(before.ready);
    assert.match(before.detail, /1\.3\.1, its services are started when they are needed/);
    assert.equal(apple.state.has('services'), false);
    assert.ok((await runtime.prepare?.())?.ready);
    assert.ok(apple.state.has('services') && apple.state.has('kernel'));
    assert.deepEqual(await runtime.checkReady(), { ready: true, detail: 'apple: container 1.3.1' });
  });

  test('services that cannot be started are reported with the error of the command', async () => {
    await using apple = await startFakeApple({ startFails: true });
    const readiness = await create(apple).prepare?.();
    assert.ok(readiness && !readiness.ready);
    assert.match(readiness.reason, /could not be started: .*failed to get a response from apiserver/);
    await assert.rejects(create(apple).pull(agentImage, 'never'), /could not be started/);
  });
});

describe('images', () => {
  test('are pulled as the policy says', async () => {
    await using setting = await setUp();
    const { apple, runtime } = setting;
    await assert.rejects(
      runtime.pull(agentImage, 'never'),
      /is not on this machine, and images.pull_policy is "never"/,
    );
    await runtime.pull(agentImage, 'if-not-present');
    await runtime.pull(agentImage, 'never');
    apple.state.writeImage('images', 'only/here', { programs: {} });
    await runtime.pull('only/here', 'if-not-present');
    await assert.rejects(runtime.pull('only/here', 'always'), /cannot pull the image only\/here: .*MANIFEST_UNKNOWN/);
  });

  test('a pull starts stopped services', async () => {
    await using setting = await setUp();
    await container(setting.apple, 'system', 'stop');
    await setting.runtime.pull(agentImage, 'always');
    assert.ok(setting.apple.state.has('services'));
  });

  test('an aborted pull ends', async () => {
    await using setting = await setUp();
    const controller = new AbortController();
    const pulling = setting.runtime.pull(slowImage, 'always', controller.signal);
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 300);
    await assert.rejects(pulling, (error) => error === reason);
    assert.equal(setting.apple.state.readImage('images', slowImage), undefined);
  });
});

describe('a job', () => {
  test('gets request and arguments; its exit code and whole log are kept', async () => {
    await using setting = await setUp();
    const { runtime, apple } = setting;
    const job = await setting.newJob(() => 'cat $REQUEST; echo; echo to stderr >&2; exit 7');
    await runtime.pull(job.image, 'always');
    await runtime.start(job);
    const { exitCode, outOfMemory, startError, endedAt } = await runtime.wait(job);
    assert.deepEqual([exitCode, outOfMemory, startError], [7, false, undefined]);
    assert.ok(Math.abs(endedAt.getTime() - Date.now()) < 10_000);
    const [args, request, ...rest] = (await job.readLog()).trimEnd().split('\n');
    assert.equal(args, 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output');
    assert.match(request ?? '', /^\{"Prompt":/);
    assert.deepEqual(rest, ['to stderr']);
    assert.equal(apple.state.readContainer(job.jobId)?.state, 'stopped', 'kept until it is removed');
    await runtime.remove(job);
    assert.deepEqual(apple.state.containers(), []);
    assert.equal(await runtime.wasStarted(job), false);
  });

  test('has its limits and its label, is listed while it runs, and starts once', async () => {
    await using setting = await setUp();
    const { runtime, apple } = setting;
    const job = await setting.newJob(untilGo);
    assert.deepEqual(await runtime.listRunning(), []);
    await runtime.start(job);
    assert.ok(await runtime.wasStarted(job));
    await eventually(async () => (await runtime.listRunning()).length === 1);
    const { cpus, memoryInBytes, labels } = apple.state.readContainer(job.jobId) ?? {};
    assert.deepEqual([cpus, memoryInBytes, labels], [4, 8 * 2 ** 30, { 'ai.plan42.instance': 'ours' }]);
    const call = apple.state.calls().find((line) => line.startsWith('run ')) ?? '';
    assert.match(call, / -c 4 -m 8G --cap-drop ALL --cap-add CHOWN /);
    assert.doesNotMatch(call, /--rm/);
    const others = createAppleRuntime({ env: apple.env, instanceId: 'another', limits: defaults });
    assert.deepEqual(await others.listRunning(), [], 'two runners on one machine');
    await assert.rejects(runtime.start(job), LaunchError);
    await letGo(job);
    assert.equal((await runtime.wait(job)).exitCode, 0);
    assert.deepEqual(await runtime.listRunning(), []);
  });

  test('has the authorities of jobs.ca_file', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'ca.pem');
    await writeFile(path, tlsPair.cert);
    await using setting = await setUp({}, { path, setting: 'jobs.ca_file' });
    const { runtime, apple } = setting;
    const job = await setting.newJob();
    await runtime.start(job);
    await runtime.wait(job);
    const call = apple.state.calls().find((line) => line.startsWith('run ')) ?? '';
    assert.match(call, /--mount type=bind,source=\S+\/ca,target=\/etc\/plan42\/ca,readonly .*--env SSL_CERT_FILE=\//);
    await runtime.remove(job);
  });

  test('has the mounts and the variables of the configuration, by a file', async () => {
    const mounts = [{ source: '/etc', target: '/given', isReadOnly: true, relabel: true }];
    await using setting = await setUp({ mounts, env: [{ name: 'KEY', value: 'secret' }] });
    const { runtime, apple } = setting;
    const job = await setting.newJob();
    await runtime.start(job);
    assert.equal(await readFile(join(job.folder, 'variables'), 'utf8'), 'KEY=secret\n');
    await runtime.wait(job);
    const call = apple.state.calls().find((line) => line.startsWith('run ')) ?? '';
    assert.match(call, /--mount type=bind,source=\/etc,target=\/given,readonly --env-file \S+\/variables /);
    assert.ok(!call.includes('secret'));
    await runtime.remove(job);
  });

  test('has whole CPUs, and warns of limits that are not applied', async () => {
    await using setting = await setUp({ cpus: 2.5, memoryGib: 0.5, pids: 100 });
    const job = await setting.newJob(untilGo);
    await setting.runtime.start(job);
    const { cpus, memoryInBytes } = setting.apple.state.readContainer(job.jobId) ?? {};
    assert.deepEqual([cpus, memoryInBytes], [3, 2 ** 29]);
    await letGo(job);
    await setting.runtime.wait(job);
    assert.deepEqual(
      (await setting.runtime.warnings?.())?.map(({ reason }) => /^jobs\.\w+/.exec(reason)?.[0]),
      ['jobs.cpus', 'jobs.pids'],
    );
    await using plain = await setUp();
    assert.deepEqual(await plain.runtime.warnings?.(), []);
  });

  test('shows no part of its request in the process list, nor in the list of containers', async () => {
    await using setting = await setUp();
    const job = await setting.newJob((job) => `true p42a_secret; ${untilGo(job)}`);
    await setting.runtime.start(job);
    await eventually(async () => (await setting.runtime.listRunning()).length === 1);
    const listed = await container(setting.apple, 'list', '--all', '--format', 'json');
    const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'args=']);
    assert.ok(stdout.includes(job.jobId));
    for (const text of [listed, stdout]) assert.ok(!text.includes('p42a_secret'));
    await letGo(job);
    await setting.runtime.wait(job);
  });
});

describe('a start that fails', () => {
  for (const [what, image, limits, reason] of [
    ['without entrypoint', noEntrypointImage, {}, /^failed to find target executable \/usr\/bin\/agent-wrapper$/],
    ['without image', 'registry.example/none', {}, /^Image registry\.example\/none not found$/],
    ['with a refused option', agentImage, { network: undefined, capabilities: [], memoryGib: 0.0001 }, /./],
  ] as const) {
    test(`says why: ${what}`, async () => {
      await using setting = await setUp(limits);
      const job = { ...(await setting.newJob()), image };
      if (what === 'with a refused option')
        await writeFile(
          join(setting.apple.state.dir, 'bin/container'),
          '#!/bin/sh\necho "Error: Unknown option \'--cap-drop\'" >&2; exit 64\n',
        );
      await setting.runtime.start(job);
      assert.ok(await setting.runtime.wasStarted(job));
      const { startError } = await setting.runtime.wait(job);
      assert.match(startError ?? '', reason);
    });
  }

  test('an agent’s own exit code 1 is none', async () => {
    await using setting = await setUp();
    const job = await setting.newJob(() => 'echo Error: of the agent; exit 1');
    await setting.runtime.start(job);
    const { exitCode, startError } = await setting.runtime.wait(job);
    assert.deepEqual([exitCode, startError], [1, undefined]);
  });
});

describe('kill', () => {
  test('asks first, so that the agent can exit', async () => {
    await using setting = await setUp();
    const job = await setting.newJob((job) => `trap 'exit 5' TERM; echo up; ${untilGo(job)}`);
    await setting.runtime.start(job);
    await eventually(async () => (await job.readLog()).includes('up'));
    await setting.runtime.kill(job, 5000);
    assert.equal((await setting.runtime.wait(job)).exitCode, 5);
  });

  test('ends what ignores SIGTERM when the grace is over', async () => {
    await using setting = await setUp();
    const job = await setting.newJob((job) => `trap '' TERM; echo up; ${untilGo(job)}`);
    await setting.runtime.start(job);
    await eventually(async () => (await job.readLog()).includes('up'));
    await setting.runtime.kill(job, 80);
    assert.equal((await setting.runtime.wait(job)).exitCode, 137);
    assert.deepEqual(await setting.runtime.listRunning(), []);
  });

  test('does nothing to a job that has ended', async () => {
    await using setting = await setUp();
    const job = await setting.newJob(() => 'exit 4');
    await setting.runtime.start(job);
    await setting.runtime.wait(job);
    await setting.runtime.kill(job, 10);
    assert.equal((await setting.runtime.wait(job)).exitCode, 4);
  });
});

describe('when the client is gone', () => {
  test('the container goes on, is waited for, and its exit code is not made up', async () => {
    await using setting = await setUp();
    const { runtime, apple } = setting;
    const job = await setting.newJob(untilGo);
    await runtime.start(job);
    await eventually(async () => (await runtime.listRunning()).length === 1);
    process.kill(await clientOf(job), 'SIGKILL');
    await eventually(async () => (await readState(job.folder)).phase === 'exited');
    assert.deepEqual(await runtime.listRunning(), [job.jobId]);
    const before = apple.state.calls().length;
    const waiting = runtime.wait(job);
    // The wait has seen it running when it looks again.
    await eventually(async () => apple.state.calls().length >= before + 2);
    await letGo(job);
    assert.deepEqual({ ...(await waiting), endedAt: undefined }, unseen);
    assert.equal(apple.state.readContainer(job.jobId)?.state, 'stopped');
  });

  test('because the services stopped or crashed, the exit code is unknown', async () => {
    await using setting = await setUp();
    const { runtime, apple } = setting;
    const job = await setting.newJob(untilGo);
    await runtime.start(job);
    await eventually(async () => (await runtime.listRunning()).length === 1);
    apple.crash();
    assert.deepEqual({ ...(await runtime.wait(job)), endedAt: undefined }, unseen);
    assert.ok(apple.state.has('services'), 'started again, to be asked');
  });

  test('and the supervisor too, as after a restart of the machine, the exit code is unknown', async () => {
    await using setting = await setUp();
    const { runtime, apple } = setting;
    const job = await setting.newJob(() => 'exit 3');
    await runtime.start(job);
    await runtime.wait(job);
    const mark = (await readdir(job.folder)).find((name) => name.startsWith('supervisor.')) ?? '';
    await promisify(execFile)('mv', [join(job.folder, mark), join(job.folder, `supervisor.running.${process.pid}`)]);
    apple.state.set('services', false);
    assert.deepEqual({ ...(await runtime.wait(job)), endedAt: undefined }, unseen);
  });
});

const unseen = { exitCode: undefined, endedAt: undefined, outOfMemory: false, startError: undefined };

/** The process ID of the job's client: the supervisor's only child. */
async function clientOf(job: JobFolder): Promise<number> {
  const state = await readState(job.folder);
  assert.ok(state.phase === 'running' && isAlive(state.pid));
  // Below the half of the supervisor that runs it.
  const below = await listJobProcesses(state.pid);
  const pids = new Set(below.map(({ pid }) => pid));
  const client = below.find(({ parent }) => !pids.has(parent));
  assert.ok(client);
  return client.pid;
}
