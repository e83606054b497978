/** The commands of `plan42 runner` beside a runner whose jobs are in a real cluster, with the rights of the chart's Role. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { parseConfig } from '../../src/config/parse.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { checkInstanceId, checkJobPrefix } from '../../src/runtimes/check/names.ts';
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts';
import type { TestControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDate, libfaketime } from '../support/fake-date.ts';
import { makeJobFolder } from '../support/job-folder.ts';
import { agentImage } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { type ClusterRunner, patienceMs, startClusterRunner } from '../support/kubernetes/cluster-runner.ts';
import { type CliRun, type CliRunOptions, runCli } from '../support/run-cli.ts';
import { jobIdOf, startTask, untilOver } from '../support/tasks.ts';

const healthPort = 20_000 + (process.pid % 10_000);

interface Setting extends AsyncDisposable {
  inCluster: ClusterRunner;
  plane: TestControlPlane;
  /** Options that name the runner's files. */
  places: readonly string[];
  /** Runs `plan42 runner …`, in this process. */
  command: (args: readonly string[], options?: CliRunOptions) => Promise<CliRun>;
}

async function setUp(t: TestContext): Promise<Setting | undefined> {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  const tables = `[health]\nlisten = "127.0.0.1:${healthPort}"`;
  const inCluster = await startClusterRunner(cluster, { name: 'commands', tables });
  const { folder } = inCluster.runner;
  const places = ['-c', join(folder, 'plan42-runner.toml'), '--state-dir', join(folder, 'state')];
  return {
    inCluster,
    plane: inCluster.plane,
    places,
    command: (args, more) =>
      runCli(['runner', ...args, ...places], { env: { PATH: process.env['PATH'], HOME: folder }, ...more }),
    [Symbol.asyncDispose]: () => inCluster[Symbol.asyncDispose](),
  };
}

interface ListedJob {
  jobId: string;
  state: string;
  waitReason: string | null;
  exitCode: number | null;
}

async function listJobs({ command }: Setting, ...args: string[]): Promise<ListedJob[]> {
  const { stdout, stderr, exitCode } = await command(['job', 'list', '--all', '--json', ...args]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as ListedJob[];
}

async function stateOf(setting: Setting, jobId: string): Promise<string | undefined> {
  return (await listJobs(setting)).find((job) => job.jobId === jobId)?.state;
}

const untilState = (setting: Setting, jobId: string, state: string) =>
  eventually(async () => (await stateOf(setting, jobId)) === state, patienceMs);

async function statusOf({ command }: Setting) {
  const { stdout, stderr, exitCode } = await command(['status', '--json']);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout);
}

const health = async () => {
  const response = await fetch(`http://127.0.0.1:${healthPort}/`);
  return [response.status, ((await response.json()) as { phase: string }).phase];
};

async function podsOf({ inCluster: { cluster, namespace } }: Setting): Promise<string[]> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { items } = await cluster.admin.request<{ items: { metadata: { name: string } }[] }>('GET', path);
  return items.map(({ metadata }) => metadata.name);
}

async function jobIdsOf({ inCluster: { cluster, namespace } }: Setting): Promise<string[]> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const { items } = await cluster.admin.request<{ items: { metadata: { annotations: Record<string, string> } }[] }>(
    'GET',
    path,
  );
  return items.map(({ metadata }) => metadata.annotations['plan42.ai/job-id'] ?? '').toSorted();
}

const count = 'n=0; while [ $n -lt 400 ]; do echo line $n; n=$((n+1)); sleep 0.1; done; exit 4';

suite('commands', { concurrency: false }, () => {
  test('status, health, job list and job logs follow a job, also through a restart of the runner', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { plane, command, inCluster } = setting;
    assert.deepEqual(await health(), [200, 'ready']);
    assert.equal((await statusOf(setting)).runner.runtime, 'kubernetes');
    const taskId = await startTask(plane, agentImage, count);
    const jobId = jobIdOf(taskId);
    await untilState(setting, jobId, 'running');
    const { runner, jobs } = await statusOf(setting);
    assert.deepEqual([runner.jobs.running, jobs.length, jobs[0].state], [1, 1, 'running']);
    assert.match((await command(['status'])).stdout, /1 of \d+ running/);
    assert.match((await command(['job', 'list'])).stdout, new RegExp(`${jobId}.*\\tYes\\t`));

    let shown = '';
    const following = command(['job', 'logs', '--follow', '-n', '1000', jobId], {
      onOutput: ({ stdout }) => {
        shown = stdout;
      },
    });
    await eventually(async () => shown.includes('line 20\n'), patienceMs);
    await inCluster.runner.stop('SIGKILL');
    assert.equal(await stateOf(setting, jobId), 'running');
    const notRunning = await command(['status']);
    assert.equal(notRunning.exitCode, 1);
    assert.match(notRunning.stdout, /1 running, 0 waiting/);
    await inCluster.startAgain();
    assert.deepEqual(await health(), [200, 'ready']);
    assert.equal(await stateOf(setting, jobId), 'running');
    assert.equal((await statusOf(setting)).runner.jobs.running, 1);

    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /exit code 4 /);
    const followed = await following;
    assert.equal(followed.exitCode, 0, followed.stderr);
    const expected = Array.from({ length: 400 }, (_, n) => `line ${n}`);
    assert.deepEqual(followed.stdout.trimEnd().split('\n').slice(1), expected);
    const read = await command(['job', 'logs', jobId]);
    assert.deepEqual(read.stdout.trimEnd().split('\n').slice(1), expected);
    await untilState(setting, jobId, 'finished');
    const [job] = await listJobs(setting);
    assert.deepEqual([job?.jobId, job?.exitCode], [jobId, 4]);
    assert.equal((await statusOf(setting)).runner.lastEnd.jobId, jobId);
  });

  test('job kill ends a running job and one whose pod is pending, with a runner and without', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { plane, command, inCluster } = setting;
    const { runner } = inCluster;
    const loop = "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.1; done";
    const kill = async (jobId: string) => {
      const { stdout, stderr, exitCode } = await command(['job', 'kill', jobId]);
      assert.equal(exitCode, 0, stderr);
      return stdout;
    };
    const untilPending = (jobId: string) =>
      eventually(async () => {
        const text = await command(['job', 'list', '--all', '--json']);
        const job = (JSON.parse(text.stdout) as (ListedJob & { startedAt: string | null })[]).find(
          (each) => each.jobId === jobId,
        );
        return job?.state === 'waiting' && job.startedAt !== null;
      }, patienceMs);

    const [running, pending] = await Promise.all([
      startTask(plane, agentImage, loop),
      startTask(plane, 'localhost/plan42/missing:1'),
    ]);
    await eventually(async () => (await runner.jobLog(jobIdOf(running)).catch(() => '')).includes('begun'), patienceMs);
    await untilPending(jobIdOf(pending));
    assert.match((await command(['job', 'logs', jobIdOf(pending)])).stderr, /has not started yet/);
    const reasonOf = async (jobId: string) => (await listJobs(setting)).find((job) => job.jobId === jobId)?.waitReason;
    const explained = /localhost\/plan42\/missing:1.*\. [A-Z].*\.$/;
    await eventually(async () => explained.test((await reasonOf(jobIdOf(pending))) ?? ''), patienceMs);
    assert.equal(await reasonOf(jobIdOf(running)), null);
    assert.match((await command(['job', 'list', '-a', '-v'])).stdout, /\twaiting\t.*localhost\/plan42\/missing:1.*\./);
    for (const taskId of [running, pending]) {
      assert.match(await kill(jobIdOf(taskId)), /was killed\.\n$/);
      const { turn } = await untilOver(plane, taskId, patienceMs);
      assert.match(turn.ErrorMessage, /killed by user/);
    }
    assert.match(await runner.jobLog(jobIdOf(running)), /begun\nended\n$/);

    const [second, waiting] = await Promise.all([
      startTask(plane, agentImage, loop),
      startTask(plane, 'localhost/plan42/missing:2'),
    ]);
    await eventually(async () => (await runner.jobLog(jobIdOf(second)).catch(() => '')).includes('begun'), patienceMs);
    await untilPending(jobIdOf(waiting));
    await inCluster.runner.stop('SIGKILL');
    assert.match(await kill(jobIdOf(second)), /was killed\. The runner reports this/);
    assert.match(await kill(jobIdOf(waiting)), /will not start\. The runner reports this/);
    assert.equal(await stateOf(setting, jobIdOf(second)), 'ended');
    await eventually(async () => (await podsOf(setting)).length === 0, patienceMs);
    await inCluster.startAgain();
    for (const taskId of [second, waiting]) {
      const { turn } = await untilOver(plane, taskId, patienceMs);
      assert.match(turn.ErrorMessage, /killed by user/);
      await untilState(setting, jobIdOf(taskId), 'finished');
    }
  });

  test('job prune removes Jobs that belong to no job, and leaves those that do', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    if (libfaketime === undefined) {
      t.skip('missing prerequisite: faketime');
      return;
    }
    const { plane, inCluster } = setting;
    const taskId = await startTask(plane, agentImage, 'sleep 1000');
    await untilState(setting, jobIdOf(taskId), 'running');
    const instanceId = (await readFile(join(inCluster.runner.folder, 'state/instance-id'), 'utf8')).trim();
    const flags = new Map([['kubernetes.kubeconfig', inCluster.kubeconfig]]);
    const { config } = parseConfig({ env: {}, flags });
    const leave = async (owner: string, jobId = `plan42-${randomUUID()}-1`) => {
      const runtime = createKubernetesRuntime({ env: {}, instanceId: owner, settings: config, logger: silentLogger });
      await using folder = await makeJobFolder('{}');
      await runtime.start({ ...folder, jobId, image: agentImage });
      return jobId;
    };
    const [left, ofDoctor] = [
      await leave(instanceId),
      await leave(checkInstanceId, `${checkJobPrefix}${randomUUID()}`),
    ];
    const otherId = randomUUID();
    const foreign = await leave(otherId);
    const date = await FakeDate.create(join(inCluster.runner.folder, 'date'), '+10m');
    const prune = async (...args: string[]) => {
      const program = join(import.meta.dirname, '../../bin/plan42');
      const all = ['runner', 'job', 'prune', '--json', ...setting.places, ...args];
      const { stdout } = await promisify(execFile)(program, all, { env: { PATH: process.env['PATH'], ...date.env } });
      const { removed, failures } = JSON.parse(stdout) as { removed: { kind: string; name: string }[]; failures: [] };
      assert.deepEqual(failures, []);
      return removed.map(({ kind, name }) => `${kind} ${name}`).toSorted();
    };
    const garbage = [left, ofDoctor].map((jobId) => `container ${jobId}`).toSorted();
    // Those of this moment may be under construction.
    assert.match((await setting.command(['job', 'prune'])).stdout, /Nothing to remove/);
    assert.deepEqual(await prune('--dry-run'), garbage);
    assert.deepEqual(await prune(), garbage);
    await eventually(async () => (await jobIdsOf(setting)).length === 2, patienceMs);
    assert.deepEqual(await jobIdsOf(setting), [foreign, jobIdOf(taskId)].toSorted());
    assert.equal(await stateOf(setting, jobIdOf(taskId)), 'running');
    assert.deepEqual(await prune(), []);

    // The Job of another runner stays until a person says that this runner no longer exists.
    const { stdout } = await setting.command(['job', 'prune']);
    assert.match(
      stdout,
      new RegExp(`Kept: container ${foreign}: it belongs to the runner ${otherId}; if that no longer`),
    );
    const doctor = await setting.command(['doctor', '--json']);
    assert.match(doctor.stdout, new RegExp(`a Job belongs to another runner, with the instance ID ${otherId}`));
    assert.match(doctor.stdout, new RegExp(`plan42 runner job prune --instance ${otherId}`));
    assert.deepEqual(await prune('--instance', randomUUID()), []);
    assert.deepEqual(await prune('--instance', otherId, '--dry-run'), [`container ${foreign}`]);
    assert.deepEqual(await prune('--instance', otherId), [`container ${foreign}`]);
    await eventually(async () => (await jobIdsOf(setting)).length === 1, patienceMs);
    assert.deepEqual(await jobIdsOf(setting), [jobIdOf(taskId)]);
    const own = await setting.command(['job', 'prune', '--instance', instanceId]);
    assert.match(own.stderr, /this runner has that ID/);
  });
});
