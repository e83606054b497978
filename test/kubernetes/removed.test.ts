/** Jobs whose objects others remove from a real cluster, and pods that have not started when their job is killed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { agentImage } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { patienceMs, startClusterRunner } from '../support/kubernetes/cluster-runner.ts';
import { runCli } from '../support/run-cli.ts';
import { jobIdOf, startTask, untilOver } from '../support/tasks.ts';

interface Items {
  items: { metadata: { name: string; annotations?: Record<string, string> } }[];
}

async function setUp(t: TestContext) {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  const inCluster = await startClusterRunner(cluster, { name: 'removed', jobs: 'max_jobs = 9' });
  const { plane, namespace, runner } = inCluster;
  const { folder } = runner;
  const base = { jobs: `/apis/batch/v1/namespaces/${namespace}/jobs`, pods: `/api/v1/namespaces/${namespace}/pods` };
  const namesOf = async (kind: 'jobs' | 'pods', taskId: string) => {
    const { items } = await cluster.admin.request<Items>('GET', base[kind]);
    const isOf = ({ metadata }: Items['items'][number]) =>
      metadata.annotations?.['plan42.ai/job-id'] === jobIdOf(taskId);
    return items.filter(isOf).map(({ metadata }) => metadata.name);
  };
  const logOf = (taskId: string) => inCluster.runner.jobLog(jobIdOf(taskId)).catch(() => '');
  return {
    inCluster,
    plane,
    namesOf,
    logOf,
    /** Starts an agent that does this at SIGTERM, and waits until it runs. */
    start: async (trap = 'exit 0') => {
      const commands = `trap '${trap}' TERM; echo begun; while :; do sleep 0.1; done`;
      const taskId = await startTask(plane, agentImage, commands);
      await eventually(async () => (await logOf(taskId)).includes('begun'), patienceMs);
      return taskId;
    },
    remove: async (kind: 'jobs' | 'pods', taskId: string, body: object = {}) => {
      const [name = ''] = await namesOf(kind, taskId);
      await cluster.admin.request('DELETE', `${base[kind]}/${name}`, { body });
    },
    kill: async (taskId: string) => {
      const places = ['-c', join(folder, 'plan42-runner.toml'), '--state-dir', join(folder, 'state')];
      const env = { PATH: process.env['PATH'], HOME: folder };
      const { exitCode, stderr } = await runCli(['runner', 'job', 'kill', jobIdOf(taskId), ...places], { env });
      assert.equal(exitCode, 0, stderr);
    },
    [Symbol.asyncDispose]: () => inCluster[Symbol.asyncDispose](),
  };
}

/** It accepts connections and never responds. */
async function startSilentRegistry() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

const byWhom = ', by a user or a program unknown to the runner';
const again =
  '. Start the task again. The audit log of the cluster has who removed it, if it keeps one. Its log is on ';

suite('a job that others remove', { concurrency: false }, () => {
  test('ends with what was removed, in its turn and in its log', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const { plane, start, remove, logOf } = setting;
    const cases = [
      { kind: 'pods', trap: '', body: { gracePeriodSeconds: 1 } },
      { kind: 'pods', trap: 'exit 0', body: {} },
      { kind: 'pods', trap: '', body: { gracePeriodSeconds: 0 } },
      { kind: 'jobs', trap: '', body: { propagationPolicy: 'Background' } },
      { kind: 'jobs', trap: 'exit 1', body: { propagationPolicy: 'Foreground' } },
    ] as const;
    const taskIds: string[] = [];
    for (const { trap } of cases) taskIds.push(await start(trap));
    for (const [n, { kind, body }] of cases.entries()) await remove(kind, taskIds[n] ?? '', body);
    for (const [n, { kind }] of cases.entries()) {
      const what = `its ${kind === 'jobs' ? 'Job' : 'pod'} was removed from the cluster${byWhom}`;
      const taskId = taskIds[n] ?? '';
      const { turn } = await untilOver(plane, taskId, patienceMs);
      assert.ok(turn.ErrorMessage.startsWith(`The agent was stopped: ${what}${again}`), turn.ErrorMessage);
      const log = await logOf(taskId);
      assert.ok(log.endsWith(`\n[plan42: agent stopped: ${what}]\n`), log);
    }
  });

  test('ends with that too if no runner was running', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const { inCluster, plane, start, remove, namesOf, logOf } = setting;
    const [ofJob, ofPod] = [await start(), await start()];
    await inCluster.runner.stop('SIGKILL');
    await remove('jobs', ofJob, { propagationPolicy: 'Background' });
    await remove('pods', ofPod);
    const isGone = async (taskId: string) => (await namesOf('pods', taskId)).length === 0;
    await eventually(async () => (await isGone(ofJob)) && (await isGone(ofPod)), patienceMs);
    await inCluster.startAgain();
    const cases = [
      [
        ofJob,
        `its Job was removed from the cluster while the runner was not watching${byWhom}, or kubernetes.ttl was over`,
      ],
      [ofPod, `its pod was removed from the cluster while the runner was not watching${byWhom}`],
    ] as const;
    for (const [taskId, why] of cases) {
      const { turn } = await untilOver(plane, taskId, patienceMs);
      const message = `The agent is gone and its exit code is unknown: ${why}${again}`;
      assert.ok(turn.ErrorMessage.startsWith(message), turn.ErrorMessage);
      const log = await logOf(taskId);
      assert.ok(log.includes('begun\n') && log.endsWith(`[plan42: agent is gone: ${why}]\n`), log);
    }
  });

  test('ends with that when its namespace is deleted', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const { plane, start, inCluster } = setting;
    const taskId = await start();
    await inCluster.cluster.admin.request('DELETE', `/api/v1/namespaces/${inCluster.namespace}`);
    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /^The agent was stopped: its (Job|pod) was removed from the cluster, by a user/);
  });
});

suite('a pod that has not started', { concurrency: false }, () => {
  test('ends its job with what was removed', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const { inCluster, plane, namesOf, remove } = setting;
    await inCluster.runner.stop();
    // No node has as many.
    await inCluster.startAgain((config) => config.replace('cpus = 0.1', 'cpus = 900'));
    for (const kind of ['pods', 'jobs'] as const) {
      const taskId = await startTask(plane, agentImage, 'true');
      await inCluster.runner.logged(new RegExp(`job is not starting yet.*${jobIdOf(taskId)}`), patienceMs);
      await remove(kind, taskId, { propagationPolicy: 'Background' });
      const { turn } = await untilOver(plane, taskId, patienceMs);
      const what = `its ${kind === 'jobs' ? 'Job' : 'pod'} was removed from the cluster before the agent ran${byWhom}`;
      assert.ok(turn.ErrorMessage.includes(`${what}. Start the task again.`), turn.ErrorMessage);
      await eventually(async () => (await namesOf('pods', taskId)).length === 0, patienceMs);
    }
  });

  test('is removed at once when its job is killed', async (t) => {
    await using silent = await startSilentRegistry();
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const { inCluster, plane, namesOf, kill } = setting;
    await inCluster.runner.stop();
    await inCluster.startAgain((config) => config.replace('stop_timeout = "2s"', 'stop_timeout = "40s"'));
    for (const image of [`${silent.host}/silent:1`, 'localhost/plan42/missing:1']) {
      const taskId = await startTask(plane, image);
      await eventually(async () => (await namesOf('pods', taskId)).length === 1, patienceMs);
      // The node begins to pull.
      await delay(3000);
      const beganAt = performance.now();
      await kill(taskId);
      const { turn } = await untilOver(plane, taskId, patienceMs);
      const tookMs = performance.now() - beganAt;
      assert.match(turn.ErrorMessage, /killed by user/);
      await eventually(async () => (await namesOf('pods', taskId)).length === 0, patienceMs);
      t.diagnostic(`${image}: turn over after ${tookMs} ms, pod gone after ${performance.now() - beganAt} ms`);
      assert.ok(tookMs < 20_000, `${image}: ${tookMs} ms`);
    }
  });
});
