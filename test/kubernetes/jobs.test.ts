/** Tasks of the real control plane, run by the real runner as Jobs of a real cluster, with the rights of the runner's Role. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts';
import { eventually } from '../support/eventually.ts';
import { agentImage } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import {
  type ClusterRunner,
  type ClusterRunnerOptions,
  patienceMs,
  startClusterRunner,
} from '../support/kubernetes/cluster-runner.ts';
import { jobIdOf, startTask, untilOver } from '../support/tasks.ts';

async function setUp(
  t: TestContext,
  options: Omit<ClusterRunnerOptions, 'name'> = {},
): Promise<ClusterRunner | undefined> {
  const cluster = await requiresCluster(t);
  return cluster && startClusterRunner(cluster, { name: 'agents', ...options });
}

suite('kubernetes', { concurrency: false }, () => {
  test('a turn is not failed while its pod waits for a node, and ends with the reason', async (t) => {
    // Heartbeats are at most a minute apart.
    await using setting = await setUp(t, {
      timing: { turnExpiryMs: 70_000, turnExpiryCheckMs: 500 },
      podTemplate: { spec: { nodeSelector: { pool: 'none-such' } } },
      kubernetes: 'start_timeout = "160s"',
    });
    if (!setting) return;
    const { plane, runner } = setting;
    const taskId = await startTask(plane, agentImage, 'exit 3');
    const { turn } = await untilOver(plane, taskId, 2 * patienceMs);
    assert.match(turn.ErrorMessage, /did not start within 160 s: .*node/);
    assert.doesNotMatch(runner.log, /job started/);
  });

  test('an agent gets its request, is limited, and leaves its exit code and nothing else', async (t) => {
    await using setting = await setUp(t, { jobs: 'env = ["KEY_OF_TEST=sk-secret value"]' });
    if (!setting) return;
    const { plane, runner } = setting;
    const inspect = [
      'cat $REQUEST',
      'echo',
      'echo $KEY_OF_TEST',
      'grep NoNewPrivs /proc/self/status',
      'grep CapBnd /proc/self/status',
      'grep Seccomp: /proc/self/status',
      'ls /var/run/secrets 2>&1',
      'echo $$',
      'exit 3',
    ].join('; ');
    const taskId = await startTask(plane, agentImage, inspect);
    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.equal(turn.Status, 'Failed');
    assert.match(turn.ErrorMessage, /exit code 3 /);
    const [args, request = '', ...rest] = (await runner.jobLog(jobIdOf(taskId))).trimEnd().split('\n');
    assert.equal(args, 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output');
    assert.equal(JSON.parse(request).Task.TaskId, taskId);
    assert.deepEqual(rest, [
      'sk-secret value',
      'NoNewPrivs:\t1',
      'CapBnd:\t00000000000400fb',
      'Seccomp:\t2',
      'ls: /var/run/secrets: No such file or directory',
      '1',
    ]);
    assert.ok(!runner.log.includes('sk-secret'));
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('nothing in the pod has the request once the agent has read it, whatever its user is', async (t) => {
    const podTemplate = {
      spec: {
        securityContext: { runAsUser: 1000, runAsNonRoot: true },
        containers: [{ name: 'agent', volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] }],
        volumes: [{ name: 'tmp', emptyDir: {} }],
      },
    };
    await using setting = await setUp(t, { jobs: 'env = ["KEY_OF_TEST=value"]', podTemplate });
    if (!setting) return;
    const { plane, runner } = setting;
    const inspect = [
      'id -u',
      'grep -c marker-of-request $REQUEST',
      'ls /plan42',
      'grep -c marker-of-request /plan42/*',
      'env | grep -c PLAN42_REQUEST_KEY',
      'grep -c PLAN42_REQUEST_KEY /proc/1/environ',
      'grep -c KEY_OF_TEST=value /proc/1/environ',
      'wc -c </proc/1/fd/0',
    ].join('; ');
    const taskId = await startTask(plane, agentImage, inspect);
    await untilOver(plane, taskId, patienceMs);
    const [, ...lines] = (await runner.jobLog(jobIdOf(taskId))).trimEnd().split('\n');
    const files = ['/plan42/request-0:0', '/plan42/start:0'];
    assert.deepEqual(lines, ['1000', '1', 'request-0', 'start', ...files, '0', '0', '1', '0']);
  });

  // Less than a node keeps of a log, 10 MiB with its times.
  test('a long output and a request of several megabytes arrive whole', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { plane, runner } = setting;
    const EnvironmentId = await plane.newEnvironment({ DockerImage: agentImage });
    const padding = 'x'.repeat(700_000);
    const taskId = await plane.newTask({
      EnvironmentId,
      // A node has no output that its runtime had not copied yet when the container exited: no runner can read that.
      Prompt: `@@seq 1 150000; wc -c < $REQUEST; sleep 5@@ ${padding}`,
    });
    const { turn } = await untilOver(plane, taskId, patienceMs);
    const lines = (await runner.jobLog(jobIdOf(taskId)).catch(() => '')).trimEnd().split('\n');
    const numbers = lines.slice(1, -1).map(Number);
    const firstWrong = numbers.findIndex((number, n) => number !== n + 1);
    const why = `${turn.ErrorMessage}\n${lines.length} lines, wrong from ${firstWrong} on; they end with:\n${lines.slice(-3).join('\n')}\n${runner.log}`;
    assert.ok(numbers.length === 150_000 && firstWrong === -1, why);
    // The prompt is in the request twice: of the task and of its turn.
    assert.ok(Number(lines.at(-1)) > 1_400_000, String(lines.at(-1)));
  });

  test('an image that no node has fails the turn with the words of the node', async (t) => {
    await using setting = await setUp(t, { kubernetes: 'start_timeout = "20s"' });
    if (!setting) return;
    const taskId = await startTask(setting.plane, 'localhost/plan42/none:1');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /localhost\/plan42\/none:1/);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('a field of the pod template that the cluster does not know is refused, and the agent does not run', async (t) => {
    // With the lenient default of the API, the agent would run without the sandbox.
    await using setting = await setUp(t, {
      podTemplate: { spec: { runtimeClasName: 'sandbox' } },
      started: /runtime refuses all jobs .*unknown field .*runtimeClasName/,
    });
    if (!setting) return;
    const taskId = await startTask(setting.plane, agentImage, 'echo it ran');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /unknown field "spec\.template\.spec\.runtimeClasName"/);
    assert.doesNotMatch(await setting.runner.jobLog(jobIdOf(taskId)).catch(() => ''), /it ran/);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('agents do not get the service account of the runner, by the setting or by the pod template', async (t) => {
    const podTemplate = { spec: { serviceAccountName: 'plan42-runner' } };
    await using setting = await setUp(t, { podTemplate });
    if (!setting) return;
    const refusal = /agents must not have the service account plan42-runner of the namespace/;
    const taskId = await startTask(setting.plane, agentImage, 'echo it ran');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, refusal);
    assert.deepEqual(await setting.left(), []);
    const { config } = parseConfig({
      env: {},
      flags: new Map([
        ['kubernetes.kubeconfig', setting.kubeconfig],
        ['kubernetes.service_account', 'plan42-runner'],
      ]),
    });
    const runtime = createKubernetesRuntime({ env: {}, instanceId: 'one', settings: config, logger: silentLogger });
    const readiness = await runtime.checkReady();
    assert.match(readiness.ready ? '' : readiness.reason, refusal);
  });
});
