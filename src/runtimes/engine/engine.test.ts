import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, realpath, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { type FakeEngine, inspected, makeFakeEngine, neverStarted } from '../../../test/support/fake-engine.ts';
import { type JobFolder, makeJobFolder } from '../../../test/support/job-folder.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { silentLogger } from '../../lib/logger.ts';
import { launch, readState } from '../../shim/shim.ts';
import { type Runtime, RuntimeError } from '../runtime.ts';
import { createDockerRuntime } from './docker.ts';
import { createPodmanRuntime } from './podman.ts';

type Name = 'docker' | 'podman';

interface Setting extends AsyncDisposable {
  engine: FakeEngine;
  runtime: Runtime;
}

async function setUp(name: Name, responses: Record<string, string> = {}, jobs = ''): Promise<Setting> {
  const engine = await makeFakeEngine(name, responses);
  const { config } = parseConfig({ file: `[jobs]\n${jobs}`, env: {}, flags: new Map() });
  const create = { docker: createDockerRuntime, podman: createPodmanRuntime }[name];
  const runtime = create({ env: engine.env, instanceId: 'me', limits: config.jobs, logger: silentLogger });
  return { engine, runtime, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
}

const print = (text: string) => `printf '%s\\n' '${text}'`;

describe('readiness', () => {
  test('reports the version of the engine', async () => {
    await using docker = await setUp('docker', { 'version --format {{.Server.Version}}': print('27.1.2') });
    assert.deepEqual(await docker.runtime.checkReady(), { ready: true, detail: 'docker 27.1.2' });
    await using podman = await setUp('podman', { 'info --format {{.Version.Version}}': print('5.4.0') });
    assert.deepEqual(await podman.runtime.checkReady(), { ready: true, detail: 'podman 5.4.0' });
  });

  test('reports the engine’s last error and how to start the engine', async () => {
    const commands =
      'echo 27.1; { echo "Warning: old"; echo "Error: first"; echo "Error: no daemon"; echo hint; } >&2; exit 1';
    await using docker = await setUp('docker', { 'version *': commands });
    const remedy = 'Start the Docker daemon, and let this user reach it (on Linux: membership in the group "docker").';
    assert.deepEqual(await docker.runtime.checkReady(), { ready: false, reason: 'no daemon', remedy });
    await using podman = await setUp('podman', { 'info *': 'exit 1' });
    assert.deepEqual(await podman.runtime.checkReady(), {
      ready: false,
      reason: 'the engine gave no reason',
      remedy: 'Check "podman info"; on macOS run "podman machine start".',
    });
  });

  test('reports a missing command and how to install it', async () => {
    for (const [name, other] of [
      ['docker', 'podman'],
      ['podman', 'docker'],
    ] as const) {
      await using setting = await setUp(name);
      // A folder of commands without it.
      await using engine = await makeFakeEngine(other);
      setting.engine.env.PATH = join(engine.folder, 'bin');
      const readiness = await setting.runtime.checkReady();
      assert.ok(!readiness.ready);
      assert.equal(readiness.reason, `there is no ${name} command`);
      assert.match(readiness.remedy, /^Install (Docker|Podman), or set runner\.runtime to another runtime\.$/);
      assert.equal(await setting.runtime.isInstalled(), false);
    }
  });

  test('rejects with the reason of an abort', async () => {
    await using setting = await setUp('docker');
    const stopped = new Error('stopped');
    await assert.rejects(setting.runtime.checkReady(AbortSignal.abort(stopped)), stopped);
  });
});

describe('the command of a job', { concurrency: true }, () => {
  const runsAs = (User: string) => ({
    'image inspect agent:v1': print(JSON.stringify([{ Id: 'sha256:1', RepoTags: [], Size: 1, Config: { User } }])),
  });

  /** The arguments with which a job is started. */
  async function runArguments(
    name: Name,
    jobs = '',
    responses: Record<string, string> = {},
    mayPullAgain = false,
  ): Promise<string[]> {
    await using setting = await setUp(name, { ...runsAs(''), ...responses, 'run *': 'exit 0' }, jobs);
    await using job = await makeJobFolder();
    await setting.runtime.start({ ...job, image: 'agent:v1', mayPullAgain });
    const calls = await eventually(async () => {
      const started = (await setting.engine.calls()).filter(([command]) => command === 'run');
      return started.length > 0 && started;
    });
    return (calls[0] ?? []).map((arg) => arg.replace(job.folder, '<folder>').replace(job.jobId, '<job>'));
  }

  const option = (args: readonly string[], name: string) =>
    args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []));

  test('applies every limit', async () => {
    const capabilities = 'capabilities = ["CHOWN", "KILL"]';
    const args = await runArguments('podman', `cpus = 1.5\nmemory_gib = 0.5\npids = 64\n${capabilities}`);
    assert.deepEqual(args, [
      'run',
      ...['--name', '<job>'],
      ...['--label', 'ai.plan42.instance=me'],
      ...['--cidfile', '<folder>/container-id'],
      '--interactive',
      ...['--pull', 'never'],
      ...['--log-driver', 'none'],
      ...['--http-proxy=false', '--env-host=false'],
      ...['--cpu-period', '100000', '--cpu-quota', '150000'],
      ...['--memory', '512m', '--memory-swap', '512m'],
      ...['--pids-limit', '64'],
      ...['--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--cap-add', 'KILL'],
      ...['--security-opt', 'no-new-privileges'],
      ...['--entrypoint', '/usr/bin/agent-wrapper'],
      'agent:v1',
      ...['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'],
    ]);
  });

  // Podman makes them ambient, so that such a user could change every file of the image.
  test('gives capabilities to root only', async () => {
    const kill = 'capabilities = ["KILL"]';
    const given = async (user: string, name: Name = 'podman', more = '') =>
      option(await runArguments(name, `${kill}\n${more}`, runsAs(user)), '--cap-add');
    for (const user of ['', '0', '00', 'root', 'root:root', '0:0', '0:1000', ':5']) {
      assert.deepEqual(await given(user), ['KILL'], user);
    }
    for (const user of ['1000', '1000:0', 'node', 'node:root', 'root2', '10', '1000:1000']) {
      assert.deepEqual(await given(user), [], user);
    }
    assert.deepEqual(await given('1000', 'docker'), ['KILL']);
    assert.deepEqual(await given('1000', 'podman', 'no_new_privileges = false'), ['KILL']);
  });

  test('names a network and allows new privileges only if configured', async () => {
    const args = await runArguments('podman', 'network = "none"\nno_new_privileges = false\nentrypoint = "/agent"');
    assert.deepEqual(option(args, '--network'), ['none']);
    assert.deepEqual(option(args, '--security-opt'), []);
    assert.deepEqual(option(args, '--entrypoint'), ['/agent']);
    const plain = await runArguments('podman');
    assert.deepEqual(option(plain, '--network'), []);
  });

  test('pulls an image again that was removed after its pull, if allowed', async () => {
    assert.deepEqual(option(await runArguments('docker', '', {}, true), '--pull'), ['missing']);
    assert.deepEqual(option(await runArguments('docker'), '--pull'), ['never']);
  });

  test('never contains the value of a variable, and mounts read-only by default', async () => {
    await using dir = await makeTempDir();
    const jobs = `env = ["KEY=very secret"]\nmounts = ["${dir.path}:/a", "${dir.path}:/b:rw", "${dir.path}:/c:ro,z"]`;
    for (const name of ['docker', 'podman'] as const) {
      const args = await runArguments(name, jobs);
      assert.ok(!args.join(' ').includes('secret'));
      assert.deepEqual(option(args, '--env-file'), ['<folder>/variables']);
      const source = await realpath(dir.path);
      assert.deepEqual(option(args, '--mount'), [
        `type=bind,source=${source},target=/a,readonly`,
        `type=bind,source=${source},target=/b`,
      ]);
      assert.deepEqual(option(args, '--volume'), [`${source}:/c:ro,z`]);
    }
  });

  test('is not run if a mount or a variable is missing, or the engine is on another machine', async () => {
    const cases: [jobs: string, responses: Record<string, string>, reason: RegExp][] = [
      ['mounts = ["/does/not/exist:/a"]', {}, /cannot mount \/does\/not\/exist: it does not exist/],
      ['env = ["NO_SUCH_VARIABLE_42"]', {}, /cannot pass NO_SUCH_VARIABLE_42 to agents: the runner has no such/],
      [
        'mounts = ["/etc/hostname:/a"]',
        { 'context inspect *': print('tcp://elsewhere:2375') },
        /the engine is on another machine/,
      ],
    ];
    for (const [jobs, responses, reason] of cases) {
      await using setting = await setUp('docker', { ...responses, 'info *': print('false') }, jobs);
      await using job = await makeJobFolder();
      await assert.rejects(setting.runtime.start({ ...job, image: 'agent:v1' }), reason);
      assert.ok(!(await setting.engine.calls()).some(([command]) => command === 'run'));
    }
  });

  test('lets docker keep the output only if containers outlive its daemon', async () => {
    const query = 'info --format {{.LiveRestoreEnabled}}';
    for (const [response, driver] of [
      [print('true'), 'local'],
      [print('false'), 'none'],
      ['exit 1', 'none'],
    ] as const) {
      const args = await runArguments('docker', '', { [query]: response });
      assert.deepEqual(option(args, '--log-driver'), [driver]);
    }
  });

  test('lets podman give the agent the pipe of its log if it can', async () => {
    const remote = { 'version --format {{if .Server}}true{{end}}': print('true') };
    for (const [version, more, driver] of [
      ['podman version 4.3.0', {}, 'passthrough'],
      ['podman version 5.10.1-rhel', {}, 'passthrough'],
      ['podman version 4.2.9', {}, 'none'],
      ['podman version 3.4.4', {}, 'none'],
      ['podman version 5.0.0', remote, 'none'],
      ['?', {}, 'none'],
    ] as const) {
      const args = await runArguments('podman', '', { ...more, '--version': print(version), 'version *': ':' });
      assert.deepEqual(option(args, '--log-driver'), [driver], version);
    }
  });
});

describe('the exit of a job', { concurrency: true }, () => {
  interface ExitCase {
    /** Exit code of the client. */
    client: number;
    /** The engine's report of the container; by default the container is missing. */
    container?: string;
    /** Whether the engine has created a container. */
    wasCreated?: boolean;
    log?: string;
    prepare?: (job: JobFolder) => Promise<unknown>;
  }

  /** Waits for a job that has exited. */
  async function exitOf(name: Name, { client, container, wasCreated = true, log = '', prepare }: ExitCase) {
    const inspect = container === undefined ? 'echo "no such container" >&2; exit 1' : print(container);
    const responses = { 'container inspect *': inspect, 'ps *': ':', 'info *': print('false'), 'wait *': ':' };
    await using setting = await setUp(name, responses);
    await using job = await makeJobFolder();
    if (wasCreated) await writeFile(join(job.folder, 'container-id'), 'f'.repeat(64));
    await appendFile(job.logFile, log);
    await launch({ job, command: ['/bin/sh', '-c', `exit ${client}`], env: setting.engine.env, cwd: '/' });
    await eventually(async () => (await readState(job.folder)).phase === 'exited');
    await prepare?.(job);
    const exit = await setting.runtime.wait(job);
    return { ...exit, log: await job.readLog() };
  }

  test('has the container’s exit code and time', async () => {
    const FinishedAt = new Date(Date.now() + 3_600_000).toISOString();
    for (const name of ['docker', 'podman'] as const) {
      const exit = await exitOf(name, { client: 3, container: inspected({ ExitCode: 3, FinishedAt }) });
      assert.equal(exit.exitCode, 3);
      assert.equal(exit.endedAt.toISOString(), FinishedAt);
      assert.deepEqual([exit.outOfMemory, exit.startError, exit.unseenBecause], [false, undefined, undefined]);
    }
  });

  test('is that of the container if the client was lost, and the log notes it', async () => {
    const exit = await exitOf('docker', { client: 137, container: inspected({ ExitCode: 5 }), log: 'begun\n' });
    assert.deepEqual([exit.exitCode, exit.startError], [5, undefined]);
    assert.match(
      exit.log,
      /^begun\n\[plan42: output may be missing here: "docker run" was killed before the agent exited\]\n$/,
    );
  });

  test('is the client’s if the container was removed, but not if the client itself failed', async () => {
    for (const [client, exitCode] of [
      [137, 137],
      [0, 0],
      [125, undefined],
      [127, undefined],
    ] as const) {
      const exit = await exitOf('docker', { client });
      assert.deepEqual([exit.exitCode, exit.startError], [exitCode, undefined], `${client}`);
    }
  });

  test('is out of memory if the engine or its monitor recorded it', async () => {
    const container = inspected({ ExitCode: 137 });
    const killed = await exitOf('docker', { client: 137, container: inspected({ ExitCode: 137, OOMKilled: true }) });
    assert.equal(killed.outOfMemory, true);
    const prepare = (job: JobFolder) => writeFile(join(job.folder, 'oom'), '');
    assert.equal((await exitOf('podman', { client: 137, container, prepare })).outOfMemory, true);
    assert.equal((await exitOf('podman', { client: 137, container })).outOfMemory, false);
  });

  test('is a failed start, with the engine’s error, if the agent never ran', async () => {
    const created = inspected({ ...neverStarted, ExitCode: 127, Error: 'no such file: /agent' });
    const reported = await exitOf('docker', { client: 127, container: created, log: 'docker: cannot start\n' });
    assert.deepEqual([reported.exitCode, reported.startError], [127, 'no such file: /agent']);
    const logged = await exitOf('podman', { client: 125, wasCreated: false, log: 'Error: no such image\n' });
    assert.deepEqual([logged.exitCode, logged.startError], [125, 'Error: no such image']);
    const silent = await exitOf('podman', { client: 125, wasCreated: false });
    assert.equal(silent.startError, 'the engine gave no reason');
  });

  test('was not observed if podman’s monitor was killed', { skip: process.platform !== 'linux' }, async () => {
    const orphan = inspected({ Running: true, ConmonPid: 2 ** 22 + 1 });
    const exit = await exitOf('podman', { client: 255, container: orphan });
    assert.deepEqual([exit.exitCode, exit.startError], [undefined, undefined]);
    assert.equal(exit.unseenBecause, 'Podman’s monitor (conmon), which monitors the container, was killed');
    assert.match(exit.log, /^\[plan42: all further output is missing: .*was killed\]\n$/);
  });

  test('was not observed if the machine restarted', { skip: process.platform !== 'linux' }, async () => {
    const prepare = async ({ folder }: JobFolder) => {
      const name = (await readdir(folder)).find((file) => file.startsWith('supervisor.exited'));
      await writeFile(join(folder, name ?? ''), 'another boot');
    };
    const container = inspected({ ExitCode: 255 });
    const recorded = await exitOf('docker', { client: 255, container, prepare });
    assert.deepEqual([recorded.exitCode, recorded.machineRestarted], [255, true]);
    await using setting = await setUp('docker', { 'container inspect *': print(container) });
    await using job = await makeJobFolder();
    await writeFile(join(job.folder, 'supervisor.running.1'), 'another boot');
    const exit = await setting.runtime.wait(job);
    assert.deepEqual([exit.exitCode, exit.machineRestarted, exit.startError], [undefined, true, undefined]);
  });
});

describe('running jobs', () => {
  const list = 'ps --filter label=ai.plan42.instance=me --format {{.Names}}';

  test('are this runner’s running containers', async () => {
    await using docker = await setUp('docker', { [list]: 'echo a; echo b' });
    assert.deepEqual(await docker.runtime.listRunning(), ['a', 'b']);
    assert.equal((await docker.engine.calls()).length, 1);
  });

  test('do not include containers that podman still lists after they exited', async () => {
    await using podman = await setUp('podman', {
      [list]: 'echo a; echo b; echo c',
      'container inspect * a': print(inspected({ Running: true })),
      'container inspect * b': print(inspected()),
      'container inspect *': 'exit 1',
      'ps --all *': ':',
    });
    assert.deepEqual(await podman.runtime.listRunning(), ['a']);
  });

  test('cannot be listed while the engine is down', async () => {
    await using docker = await setUp('docker', { 'ps *': 'echo "Error: no daemon" >&2; exit 1' });
    const failed = new RuntimeError('cannot list containers: no daemon');
    await assert.rejects(docker.runtime.listRunning(), failed);
    await assert.rejects(docker.runtime.listUnmanaged(new Set()), failed);
  });
});

describe('removing a job', () => {
  const refused = 'echo "Error response from daemon: device is busy" >&2; exit 1';

  test('removes its container and forgets its state', async () => {
    await using setting = await setUp('docker', { 'rm *': ':' });
    await using job = await makeJobFolder();
    await writeFile(join(job.folder, 'supervisor.exited.0'), '');
    await setting.runtime.remove(job);
    assert.deepEqual(await setting.engine.calls(), [['rm', '--force', '--volumes', job.jobId]]);
    assert.equal(await setting.runtime.wasStarted(job), false);
  });

  test('fails, and keeps its state, if the container is still there', async () => {
    await using setting = await setUp('docker', { 'rm *': refused, 'container inspect *': print(inspected()) });
    await using job = await makeJobFolder();
    await writeFile(join(job.folder, 'supervisor.exited.0'), '');
    const failed = new RuntimeError(`cannot remove the container ${job.jobId}: device is busy`);
    await assert.rejects(setting.runtime.remove(job), failed);
    assert.equal(await setting.runtime.wasStarted(job), true);
  });

  test('succeeds if the container was removed before', async () => {
    await using setting = await setUp('docker', { 'rm *': refused, 'container inspect *': 'exit 1', 'ps *': ':' });
    await using job = await makeJobFolder();
    await setting.runtime.remove(job);
  });
});

describe('unmanaged containers', () => {
  const size = (fields: object) => print(JSON.stringify([{ Created: '2026-01-02T03:04:05Z', ...fields }]));

  test('are this runner’s containers of no job in progress', async () => {
    await using docker = await setUp('docker', {
      'ps --all --no-trunc --filter label=ai.plan42.instance=me *': 'echo "1 a"; echo "2 b"; echo "3 c"; echo "4 d"',
      'ps --all --no-trunc --filter label=ai.plan42.instance=doctor *': ':',
      'container inspect --size 2': size({ Id: '2', Name: '/b', SizeRw: 4096 }),
      'container inspect --size 3': size({ Id: '3', Name: 'c' }),
      // It was removed in the meantime.
      'container inspect --size 4': 'exit 1',
    });
    const createdAt = new Date('2026-01-02T03:04:05Z');
    assert.deepEqual(await docker.runtime.listUnmanaged(new Set(['a'])), [
      { id: '2', jobId: 'b', createdAt, sizeBytes: 4096 },
      { id: '3', jobId: 'c', createdAt, sizeBytes: undefined },
    ]);
  });

  test('are removed by ID, and may be gone', async () => {
    await using docker = await setUp('docker', {
      'rm --force --volumes 1': ':',
      'rm --force --volumes 2': 'echo "Error: No such container: 2" >&2; exit 1',
      'rm --force --volumes 3': 'echo "Error: device is busy" >&2; exit 1',
    });
    await docker.runtime.removeUnmanaged('1');
    await docker.runtime.removeUnmanaged('2');
    await assert.rejects(docker.runtime.removeUnmanaged('3'), new RuntimeError('device is busy'));
  });
});

describe('a pull', () => {
  const local = print(JSON.stringify([{ Id: 'sha256:1', RepoTags: ['agent:v1'], Size: 1 }]));
  const missing = 'echo "Error: no such image" >&2; exit 1';

  test('follows the policy', async () => {
    for (const [policy, isLocal, isPulled] of [
      ['always', true, true],
      ['if-not-present', true, false],
      ['if-not-present', false, true],
      ['never', true, false],
    ] as const) {
      await using setting = await setUp('docker', { 'image inspect *': isLocal ? local : missing, 'pull *': ':' });
      await setting.runtime.pull('agent:v1', policy);
      const calls = (await setting.engine.calls()).filter(([command]) => command === 'pull');
      assert.deepEqual(calls, isPulled ? [['pull', '--quiet', 'agent:v1']] : [], `${policy} ${isLocal}`);
    }
  });

  test('asks a registry only for images that can have changed', async () => {
    for (const [image, isPulled] of [
      [`agent@sha256:${'a'.repeat(64)}`, false],
      ['localhost/agent', false],
      ['agent:v1', true],
    ] as const) {
      await using setting = await setUp('docker', {
        'image inspect *': local,
        'pull *': ':',
        'info *': print('false'),
      });
      let asked = 0;
      const before = async () => {
        asked += 1;
      };
      const { image: found } = await setting.runtime.pull(image, 'always', undefined, before);
      const calls = (await setting.engine.calls()).filter(([command]) => command === 'pull');
      assert.deepEqual([calls.length, asked, found === undefined], isPulled ? [1, 1, true] : [0, 0, false], image);
    }
  });

  test('by podman that finds no newer image reports the one from before', async () => {
    await using setting = await setUp('podman', { 'image inspect *': local, 'pull *': print('1'), 'info *': ':' });
    const expected = { image: { id: '1', names: ['agent:v1'], sizeBytes: 1 } };
    assert.deepEqual(await setting.runtime.pull('agent:v1', 'always'), expected);
    await setting.engine.respond({ 'pull *': print('3') });
    assert.deepEqual(await setting.runtime.pull('agent:v1', 'always'), {});
  });

  test('of one image is made once at a time', async () => {
    const slow = 'mkdir pulling || { echo "Error: twice" >&2; exit 1; }; sleep 0.1; rmdir pulling';
    await using setting = await setUp('docker', { 'image inspect *': missing, 'pull *': slow, 'info *': ':' });
    await Promise.all(Array.from({ length: 5 }, () => setting.runtime.pull('agent:v1', 'always')));
    const calls = (await setting.engine.calls()).filter(([command]) => command === 'pull');
    assert.equal(calls.length, 2);
  });

  test('is followed by no other query of podman until its images change', async () => {
    await using dir = await makeTempDir();
    const index = join(dir.path, 'overlay-images/images.json');
    await mkdir(join(dir.path, 'overlay-images'));
    await writeFile(index, '[{"id":"1"}]');
    const responses = { 'image inspect *': local, 'info *': print(`false overlay ${dir.path}`), 'run *': 'exit 0' };
    await using setting = await setUp('podman', responses);
    const queries = async () => (await setting.engine.calls()).filter(([command]) => command === 'image').length;
    const { runtime } = setting;
    await runtime.pull('agent:v1', 'if-not-present');
    await eventually(async () => (await setting.engine.calls()).some(([command]) => command === 'info'));
    // Until the place of the index is known, nothing is remembered.
    const before = await eventually(async () => {
      const [count] = [await queries(), await runtime.pull('agent:v1', 'if-not-present')];
      return (await queries()) === count && count;
    });
    await using job = await makeJobFolder();
    await runtime.start({ ...job, image: 'agent:v1' });
    assert.equal(await queries(), before);
    // As Podman does: another file with the same name.
    await writeFile(`${index}.new`, '[{"id":"1"}]');
    await rename(`${index}.new`, index);
    await runtime.pull('agent:v1', 'if-not-present');
    assert.equal(await queries(), before + 1);
    // A pull that finds no newer image changes the index, too.
    await setting.engine.respond({
      'pull *': `printf '[{"id":"1"}]' >'${index}.pulled'; mv '${index}.pulled' '${index}'; echo 1`,
      'images *': print('1'),
    });
    for (const lists of [1, 1]) {
      await runtime.pull('agent:v1', 'always', undefined, async () => void (await runtime.images?.listIds()));
      await using another = await makeJobFolder();
      await runtime.start({ ...another, image: 'agent:v1' });
      assert.equal(await queries(), before + 1);
      assert.equal((await setting.engine.calls()).filter(([command]) => command === 'images').length, lists);
    }
    // An image of another storage is not in the index.
    await writeFile(index, '[]');
    await runtime.pull('agent:v1', 'if-not-present');
    await runtime.pull('agent:v1', 'if-not-present');
    assert.equal(await queries(), before + 3);
  });

  test('that fails, or that the policy forbids, is an error', async () => {
    const denied = 'echo "Error response from daemon: access denied" >&2; exit 1';
    await using setting = await setUp('docker', { 'image inspect *': missing, 'pull *': denied });
    await assert.rejects(
      setting.runtime.pull('agent:v1', 'always'),
      new RuntimeError('cannot pull the image agent:v1: access denied'),
    );
    await assert.rejects(
      setting.runtime.pull('agent:v1', 'never'),
      new RuntimeError(
        'the image agent:v1 is not on this machine, and images.pull_policy is "never": build or pull it, or set images.pull_policy to "if-not-present"',
      ),
    );
  });
});

test('the storage folder is unknown if the engine reports none of this machine', async () => {
  for (const [response, folder] of [
    [print('/var/lib/docker'), '/var/lib/docker'],
    [print('C:\\docker'), undefined],
    ['exit 1', undefined],
  ] as const) {
    await using docker = await setUp('docker', { 'info --format {{.DockerRootDir}}': response });
    assert.equal(await docker.runtime.storageFolder(), folder);
  }
});
