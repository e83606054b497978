/** Tasks of the real control plane, run by the real runner as Jobs of a real cluster, with the rights of the runner's Role. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { RunnerProcess } from '../support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from '../support/tasks.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const patienceMs = 120_000;
let images: Promise<void> | undefined;
let namespaces = 0;

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  runner: RunnerProcess;
  cluster: Cluster;
  namespace: string;
}

interface Nothing extends AsyncDisposable {
  plane?: never;
}

async function setUp(t: TestContext, more = '', startTimeout = '10m', template?: object): Promise<Setting | Nothing> {
  const cluster = await requiresCluster(t);
  if (!cluster) return { [Symbol.asyncDispose]: async () => {} };
  images ??= loadAgentImages(cluster);
  await images;
  const account = await cluster.createRunnerAccount(`agents-${++namespaces}`);
  await using undo = new AsyncDisposableStack();
  const plane = undo.use(await startControlPlane());
  const dir = undo.use(await makeTempDir());
  const templateFile = join(dir.path, 'pod.json');
  if (template) await writeFile(templateFile, JSON.stringify(template));
  const ofTemplate = template ? `pod_template = "${templateFile}"\n` : '';
  const config = `[jobs]\nmemory_gib = 0.0625\ncpus = 0.1\nstop_timeout = "2s"\n${more}\n[kubernetes]\nkubeconfig = "${account.kubeconfig}"\nstart_timeout = "${startTimeout}"\n${ofTemplate}`;
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'kubernetes' as const, config };
  const runner = undo.use(await RunnerProcess.start(options));
  // It loads the client of the cluster first, which takes long on a busy machine.
  await runner.logged(/runner ready/, patienceMs);
  const owned = undo.move();
  return {
    plane,
    runner,
    cluster,
    namespace: account.namespace,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Everything that jobs leave in the cluster. */
async function namesIn({ cluster, namespace }: Setting): Promise<string[]> {
  const paths = ['/apis/batch/v1', '/api/v1', '/api/v1'].map((group, n) => {
    const kind = ['jobs', 'pods', 'secrets'][n];
    return `${group}/namespaces/${namespace}/${kind}`;
  });
  const lists = await Promise.all(
    paths.map((path) => cluster.admin.request<{ items: { metadata: { name: string } }[] }>('GET', path)),
  );
  return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
}

suite('kubernetes', { concurrency: false }, () => {
  test('an agent gets its request, is limited, and leaves its exit code and nothing else', async (t) => {
    await using setting = await setUp(t, 'env = ["KEY_OF_TEST=sk-secret value"]');
    if (!setting.plane) return;
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
    await eventually(async () => (await namesIn(setting)).length === 0, patienceMs);
  });

  // Less than a node keeps of a log, 10 MiB with its times.
  test('a long output and a request of several megabytes arrive whole', async (t) => {
    await using setting = await setUp(t);
    if (!setting.plane) return;
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
    await using setting = await setUp(t, '', '20s');
    if (!setting.plane) return;
    const taskId = await startTask(setting.plane, 'localhost/plan42/none:1');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /localhost\/plan42\/none:1/);
    await eventually(async () => (await namesIn(setting)).length === 0, patienceMs);
  });

  test('a field of the pod template that the cluster does not know is refused, and the agent does not run', async (t) => {
    // With the lenient default of the API, the agent would run without the sandbox.
    await using setting = await setUp(t, '', '10m', { spec: { runtimeClasName: 'sandbox' } });
    if (!setting.plane) return;
    const taskId = await startTask(setting.plane, agentImage, 'echo it ran');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /unknown field "spec\.template\.spec\.runtimeClasName"/);
    assert.doesNotMatch(await setting.runner.jobLog(jobIdOf(taskId)).catch(() => ''), /it ran/);
    await eventually(async () => (await namesIn(setting)).length === 0, patienceMs);
  });
});
