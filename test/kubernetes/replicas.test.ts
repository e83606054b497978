/** Two real replicas of a runner share a real cluster: each job is reported once, whatever happens to one of them. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isJobId } from '../../src/jobs/job-id.ts';
import { eventually } from '../support/eventually.ts';
import {
  expectedLines,
  lines,
  patienceMs,
  type Replica,
  type ReplicasSetting,
  startReplicas,
} from '../support/kubernetes/replicas-setting.ts';
import { RunnerProcess } from '../support/runner-process.ts';
import { getTurn, jobIdOf, untilOver } from '../support/tasks.ts';

interface Task {
  id: string;
  jobId: string;
  /** How many lines its agent prints. */
  count: number;
}

async function startTasks({ plane, newEnvironment }: ReplicasSetting, counts: readonly number[]): Promise<Task[]> {
  const EnvironmentId = await newEnvironment();
  return Promise.all(
    counts.map(async (count) => {
      const id = await plane.newTask({ EnvironmentId, Prompt: `@@${lines(count)}@@` });
      return { id, jobId: jobIdOf(id), count };
    }),
  );
}

async function jobsOf({ runner }: Replica): Promise<string[]> {
  const names = await readdir(join(runner.folder, 'state/jobs/active')).catch(() => []);
  return names.filter(isJobId);
}

/** When the runner logged the first line that matches. */
function timeOf({ runner }: Replica, pattern: RegExp): number {
  const line = runner.log.split('\n').find((text) => pattern.test(text)) ?? '';
  return Date.parse(line.split(' ')[0] ?? '');
}

const logOf = ({ runner }: Replica, { jobId }: Task) => runner.jobLog(jobId).catch(() => '');
const isPrinting = async (replica: Replica, task: Task) => (await logOf(replica, task)).includes('line 3\n');

/** Each task has ended with the exit of its agent, was reported once, and its log is whole where it ended. */
async function assertReportedOnce(setting: ReplicasSetting, tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) {
    const { turn } = await untilOver(setting.plane, task.id, patienceMs);
    assert.match(turn.ErrorMessage, /exit code 4 /);
  }
  await eventually(async () => (await setting.leftInCluster()).length === 0, patienceMs);
  for (const task of tasks) {
    const reports = setting.finalReports(task.id);
    assert.equal(reports.length, 1, `${task.jobId} was reported by ${reports.join(' and ')}`);
    assert.deepEqual([...setting.reporters(task.id)], reports);
    const reporter = setting.replicas[reports[0] ?? 0];
    assert.ok(reporter);
    const printed = (await logOf(reporter, task)).trimEnd().split('\n').slice(1);
    assert.deepEqual(printed, expectedLines(task.count), task.jobId);
  }
}

suite('replicas', { concurrency: false }, () => {
  test('two replicas share the work; one is killed while its jobs run, end, start and wait', async (t) => {
    await using setting = await startReplicas(t, { maxJobs: 3 });
    if (!setting) return;
    const [first, second] = setting.replicas;
    // More jobs than slots: some are accepted and wait.
    for (const { toServer } of setting.replicas) toServer.hidesSlots = true;
    const tasks = await startTasks(setting, [40, 300, 350, 60, 320, 330, 50, 310, 340, 45]);
    const owners = async () => Promise.all([first, second].map(async (replica) => (await jobsOf(replica)).length));
    await eventually(async () => {
      const [one = 0, two = 0] = await owners();
      return one + two === tasks.length && one > 0 && two > 0;
    }, patienceMs);
    const mine = new Set(await jobsOf(first));
    const long = tasks.filter(({ jobId, count }) => mine.has(jobId) && count > 100);
    await eventually(async () => {
      for (const task of long) if (await isPrinting(first, task)) return true;
      return false;
    }, patienceMs);
    const left = new Set(await jobsOf(first));
    await first.runner.stop('SIGKILL');
    const killedAt = performance.now();
    await second.runner.logged(/adopted job of another replica/, patienceMs);
    const adoptedMs = performance.now() - killedAt;
    t.diagnostic(`${left.size} jobs of the killed replica, adopted after ${Math.round(adoptedMs)} ms`);
    const leaseEnd = timeOf(second, /lease of another replica ended/);
    const adopted = timeOf(second, /adopted job of another replica/);
    assert.ok(adopted - leaseEnd < 30_000, `adopted ${adopted - leaseEnd} ms after the end of the lease`);
    await assertReportedOnce(setting, tasks);
  });

  test('a replica that was stopped and wakes up does not report the jobs that another one has', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const tasks = await startTasks(setting, [60, 250, 270, 80]);
    await eventually(async () => (await jobsOf(first)).length > 0 && (await jobsOf(second)).length > 0, patienceMs);
    const mine = new Set(await jobsOf(first));
    const longest = tasks.find(({ jobId }) => mine.has(jobId));
    assert.ok(longest);
    await eventually(() => isPrinting(first, longest), patienceMs);
    process.kill(first.runner.pid, 'SIGSTOP');
    try {
      await second.runner.logged(/adopted job of another replica/, patienceMs);
      for (const { id } of tasks) await untilOver(setting.plane, id, patienceMs);
    } finally {
      process.kill(first.runner.pid, 'SIGCONT');
    }
    await first.runner.logged(/job was taken by another replica/, patienceMs);
    await eventually(async () => (await jobsOf(first)).length === 0, patienceMs);
    await assertReportedOnce(setting, tasks);
    assert.ok(tasks.filter(({ jobId }) => mine.has(jobId)).every(({ id }) => setting.finalReports(id)[0] === 1));
    // It goes on working.
    const more = await startTasks(setting, [5, 5, 5, 5]);
    await assertReportedOnce(setting, more);
    assert.ok(more.some(({ id }) => setting.finalReports(id)[0] === 0));
  });

  test('a replica without the API server reports nothing, and gets its jobs back after a short outage', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    // Longer than the short outage: none ends while the second one begins, after which it could be reported twice.
    const tasks = await startTasks(setting, [350, 360, 370, 380]);
    await eventually(async () => (await jobsOf(first)).length > 0 && (await jobsOf(second)).length > 0, patienceMs);
    const [mine] = await jobsOf(first);
    const task = tasks.find(({ jobId }) => jobId === mine);
    assert.ok(task);
    await eventually(() => isPrinting(first, task), patienceMs);
    await first.toCluster.begin('hang');
    await delay(5000);
    await first.toCluster.begin('none');
    await delay(8000);
    assert.doesNotMatch(second.runner.log, /adopted job of another replica/);
    const left = new Set(await jobsOf(first));
    const lost = tasks.filter(({ jobId }) => left.has(jobId));
    assert.ok(lost.length > 0);
    await first.toCluster.begin('hang');
    await second.runner.logged(/adopted job of another replica/, patienceMs);
    for (const { id } of tasks) await untilOver(setting.plane, id, patienceMs);
    await first.toCluster.begin('none');
    await first.runner.logged(/job was taken by another replica/, patienceMs);
    await assertReportedOnce(setting, tasks);
    assert.ok(lost.every(({ id }) => setting.finalReports(id)[0] === 1));
  });

  test('a replica that loses the API server right after its report keeps the log, and no report is lost', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const tasks = await startTasks(setting, [40, 41, 42, 43]);
    const isReported = async () => tasks.some(({ id }) => setting.finalReports(id).includes(0));
    await eventually(isReported, patienceMs);
    await first.toCluster.begin('hang');
    await second.runner.logged(/lease of another replica ended/, patienceMs);
    for (const { id } of tasks) await untilOver(setting.plane, id, patienceMs);
    await first.toCluster.begin('none');
    await eventually(async () => (await setting.leftInCluster()).length === 0, patienceMs);
    await eventually(async () => (await jobsOf(first)).length === 0, patienceMs);
    for (const task of tasks) {
      assert.equal(setting.finalReports(task.id).length, 1, task.jobId);
      const logs: string[] = await Promise.all(setting.replicas.map(async (replica) => logOf(replica, task)));
      const whole = logs.filter((log) => log.includes(`${expectedLines(task.count).join('\n')}\n`));
      assert.ok(whole.length > 0, `${task.jobId}: ${JSON.stringify(logs)}`);
    }
  });

  test('tasks that are created while no replica reaches the API server run after that', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const logs = () => first.runner.log + second.runner.log;
    for (const { toCluster } of setting.replicas) await toCluster.begin('refuse');
    const tasks = await startTasks(setting, [5, 6]);
    await eventually(async () => /job waits for its record/.test(logs()), patienceMs);
    tasks.push(...(await startTasks(setting, [7])));
    await delay(65_000);
    for (const { id } of tasks) assert.doesNotMatch((await getTurn(setting.plane, id)).Status, /Failed/);
    for (const { toCluster } of setting.replicas) await toCluster.begin('none');
    await assertReportedOnce(setting, tasks);
    assert.match(logs(), /job has its record/);
  });

  test('a replica that ends leaves its jobs to the other at once', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const tasks = await startTasks(setting, [600, 610, 620, 630]);
    await eventually(async () => (await jobsOf(first)).length > 0 && (await jobsOf(second)).length > 0, patienceMs);
    const [mine] = await jobsOf(first);
    const task = tasks.find(({ jobId }) => jobId === mine);
    assert.ok(task);
    await eventually(() => isPrinting(first, task), patienceMs);
    assert.equal(await first.runner.stop(), 0);
    const endedAt = performance.now();
    await second.runner.logged(/adopted job of another replica/, patienceMs);
    const adoptedMs = Math.round(performance.now() - endedAt);
    t.diagnostic(`adopted ${adoptedMs} ms after the end`);
    assert.ok(adoptedMs < 10_000, String(adoptedMs));
    await assertReportedOnce(setting, tasks);
    // Its disk still has the jobs of which the other has reported the end.
    await first.restart('kept');
    await first.runner.logged(/runner ready/, patienceMs);
    assert.deepEqual(await jobsOf(first), []);
    for (const { id } of tasks) assert.equal(setting.finalReports(id).length, 1);
  });

  test('both are killed: one comes back with its disk, one with an empty one', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    // Longer than a busy machine takes between the starts of two pods: no job ends before the runners are killed.
    const tasks = await startTasks(setting, [300, 310, 320, 330]);
    const isAnyPrinting = async (replica: Replica) =>
      (await Promise.all(tasks.map((task) => isPrinting(replica, task)))).includes(true);
    await eventually(async () => (await isAnyPrinting(first)) && (await isAnyPrinting(second)), patienceMs);
    await Promise.all(setting.replicas.map(({ runner }) => runner.stop('SIGKILL')));
    const kept = await jobsOf(first);
    assert.ok(kept.length > 0);
    await Promise.all([first.restart('kept'), second.restart('empty')]);
    await Promise.all(setting.replicas.map(({ runner }) => runner.logged(/runner ready/, patienceMs)));
    // Its own at once, from its disk.
    for (const jobId of kept)
      assert.match(first.runner.log, new RegExp(`adopted job from previous run .*job_id=${jobId}`));
    await assertReportedOnce(setting, tasks);
  });

  test('a Job that was deleted while no replica ran is reported', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const [task] = await startTasks(setting, [600]);
    assert.ok(task);
    await eventually(async () => (await isPrinting(first, task)) || (await isPrinting(second, task)), patienceMs);
    await Promise.all(setting.replicas.map(({ runner }) => runner.stop('SIGKILL')));
    const { admin } = setting.cluster;
    const query = { propagationPolicy: 'Background' };
    const jobs = `/apis/batch/v1/namespaces/${setting.namespace}/jobs`;
    const { items } = await admin.request<{ items: { metadata: { name: string } }[] }>('GET', jobs);
    for (const { metadata } of items) await admin.request('DELETE', `${jobs}/${metadata.name}`, { query });
    await Promise.all([first.restart('empty'), second.restart('empty')]);
    const { turn } = await untilOver(setting.plane, task.id, patienceMs);
    assert.equal(turn.Status, 'Failed');
    await eventually(async () => (await setting.leftInCluster()).length === 0, patienceMs);
    assert.equal(setting.finalReports(task.id).length, 1);
    t.diagnostic(turn.ErrorMessage);
  });

  test('Leases that a user deletes are created again, and no job is lost', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const { cluster, namespace, replicas, leftInCluster } = setting;
    const { admin } = cluster;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const list = async () => {
      const { items } = await admin.request<{ items: { metadata: { name: string } }[] }>('GET', path);
      return items.map(({ metadata }) => metadata.name);
    };
    const isOfReplica = (name: string) => name.startsWith('plan42-replica-');
    const remove = async (which: (name: string) => boolean) => {
      const names = (await list()).filter(which);
      await Promise.all(names.map((name) => admin.request('DELETE', `${path}/${name}`)));
      return names;
    };
    const isAnyPrinting = async (task: Task) =>
      (await Promise.all(replicas.map((replica) => isPrinting(replica, task)))).includes(true);
    // The others run for longer than replicas take to look for Leases that are missing.
    const [short, long, longest] = await startTasks(setting, [150, 1600, 1800]);
    assert.ok(short && long && longest);
    for (const task of [short, long, longest]) await eventually(() => isAnyPrinting(task), patienceMs);
    const removed = await remove((name) => !isOfReplica(name));
    assert.equal(removed.length, 3);
    await untilOver(setting.plane, short.id, patienceMs);
    // While the agents run, not only when their jobs change.
    const isKept = async () => (await list()).filter((name) => !isOfReplica(name)).length === 2;
    await eventually(isKept, patienceMs);
    assert.ok((await isAnyPrinting(long)) && (await getTurn(setting.plane, long.id)).Status !== 'Failed');
    const former = await remove(isOfReplica);
    const isBack = async () =>
      (await list()).filter((name) => isOfReplica(name) && !former.includes(name)).length === 2;
    await eventually(isBack, patienceMs);
    await remove(() => true);
    const [last] = await startTasks(setting, [400]);
    assert.ok(last);
    await eventually(() => isAnyPrinting(last), patienceMs);
    // No replica is there to notice.
    await Promise.all(replicas.map(({ runner }) => runner.stop('SIGKILL')));
    await remove(() => true);
    await Promise.all(replicas.map((replica) => replica.restart('kept')));
    await assertReportedOnce(setting, [short, long, longest, last]);
    assert.deepEqual(await leftInCluster(), []);
  });

  test('what replicas save is sealed, and a replica with another key leaves it', async (t) => {
    await using setting = await startReplicas(t);
    if (!setting) return;
    const [first, second] = setting.replicas;
    const [task] = await startTasks(setting, [100]);
    assert.ok(task);
    await eventually(async () => (await isPrinting(first, task)) || (await isPrinting(second, task)), patienceMs);
    const path = `/apis/coordination.k8s.io/v1/namespaces/${setting.namespace}/leases`;
    const leases = JSON.stringify(await setting.cluster.admin.request('GET', path));
    assert.ok(leases.includes('plan42.ai/record'));
    assert.ok(!leases.includes('p42a_') && !leases.includes('line $n'));
    const owner = (await isPrinting(first, task)) ? first : second;
    const other = owner === first ? second : first;
    await other.runner.stop('SIGKILL');
    const file = join(other.runner.folder, 'plan42-runner.toml');
    const config = await readFile(file, 'utf8');
    const changed = config
      .replace(/state_key = ".*"/, `state_key = "${'x'.repeat(40)}"`)
      .split('\n')
      .slice(4)
      .join('\n');
    await using stranger = await RunnerProcess.start({
      url: other.toServer.url,
      token: await setting.plane.newToken(),
      runtime: 'kubernetes',
      config: changed,
    });
    await stranger.logged(/runner ready/, patienceMs);
    await owner.runner.stop('SIGKILL');
    await stranger.logged(/cannot read record of job in cluster, leaving it/, patienceMs);
    assert.equal((await getTurn(setting.plane, task.id)).Status.includes('Failed'), false);
    await owner.restart('empty');
    await assertReportedOnce(setting, [task]);
  });
});
