/** Starts of a runner while the API server of its cluster is away or slow. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { type Outage, OutageProxy } from '../support/kubernetes/outage-proxy.ts';
import { runCli } from '../support/run-cli.ts';
import { RunnerProcess } from '../support/runner-process.ts';
import { startTask, untilOver } from '../support/tasks.ts';

const patienceMs = 120_000;
const healthPort = 20_000 + (process.pid % 10_000);
let images: Promise<void> | undefined;
let namespaces = 0;

/** Starts nothing yet. Undefined, and the test is skipped, if this machine cannot have a cluster. */
async function setUp(t: TestContext, { template }: { template?: string } = {}) {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  images ??= loadAgentImages(cluster);
  await images;
  await using undo = new AsyncDisposableStack();
  const account = await cluster.createRunnerAccount(`start-${++namespaces}`);
  const plane = undo.use(await startControlPlane());
  const proxy = undo.use(await OutageProxy.start(account.kubeconfig));
  const folder = await mkdtemp(join(tmpdir(), 'plan42-start-'));
  undo.defer(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, proxy.kubeconfig, { mode: 0o600 });
  const templateFile = join(folder, 'pod.yaml');
  if (template !== undefined) await writeFile(templateFile, template);
  const config = [
    '[jobs]\nmemory_gib = 0.0625\ncpus = 0.1\nenv = ["KEY=value"]',
    `[kubernetes]\nkubeconfig = "${kubeconfig}"${template === undefined ? '' : `\npod_template = "${templateFile}"`}`,
    `[health]\nlisten = "127.0.0.1:${healthPort}"\n`,
  ].join('\n');
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'kubernetes' as const, config };
  const owned = undo.move();
  return {
    plane,
    proxy,
    templateFile,
    start: async () => owned.use(await RunnerProcess.start(options)),
    health: async () => {
      const response = await fetch(`http://127.0.0.1:${healthPort}/`);
      return { status: response.status, body: await response.json() };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const status = ({ folder }: RunnerProcess) =>
  runCli(['runner', 'status', '-c', join(folder, 'plan42-runner.toml'), '--state-dir', join(folder, 'state')], {
    env: { PATH: process.env['PATH'], HOME: folder },
  });

const outages: [Outage, RegExp][] = [
  ['refuse', /cannot reach the cluster https:.*ECONNREFUSED/],
  ['reset', /cannot reach the cluster https:.*/],
  ['hang', /cannot reach the cluster https:.*: (no response from .* within 30 s|Connect Timeout Error)/],
  [429, /the cluster https:\S+ failed: too many requests/],
  [500, /the cluster https:\S+ failed: etcdserver: leader changed/],
];

suite('a start', { concurrency: false }, () => {
  for (const [outage, reason] of outages) {
    test(`waits for an API server that is away (${outage}), and says so`, async (t) => {
      await using setting = (await setUp(t)) ?? null;
      if (!setting) return;
      const { proxy, plane, health } = setting;
      await proxy.begin(outage);
      const runner = await setting.start();
      await runner.logged(/runtime not ready, retrying/, patienceMs);
      assert.match(runner.log, reason);
      assert.match(runner.log, /runtime not ready, retrying .*remedy=/);
      assert.deepEqual(await health(), {
        status: 503,
        body: { phase: 'degraded', problems: ['runtime'], warnings: [] },
      });
      const { stdout, exitCode } = await status(runner);
      assert.equal(exitCode, 0);
      assert.match(stdout, /Running, degraded.*no job can start: /);
      assert.match(stdout, reason);
      await proxy.begin('none');
      await runner.logged(/runtime ready/, patienceMs);
      await runner.logged(/runner ready/, patienceMs);
      assert.equal((await health()).status, 200);
      const taskId = await startTask(plane, agentImage, 'exit 3');
      const { turn } = await untilOver(plane, taskId, patienceMs);
      assert.match(turn.ErrorMessage, /exit code 3 /);
    });
  }

  test('is patient with an API server that takes 12 s for each response', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    setting.proxy.before = () => delay(12_000);
    const runner = await setting.start();
    await runner.logged(/runner ready/, patienceMs);
    assert.doesNotMatch(runner.log, /not ready/);
  });

  test('is ended by a signal while it waits', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    await setting.proxy.begin('refuse');
    const runner = await setting.start();
    await runner.logged(/runtime not ready, retrying/, patienceMs);
    assert.equal(await runner.stop(), 0, runner.log);
  });

  const unusable: [what: string, template: string, error: RegExp][] = [
    ['is not YAML', 'spec:\n  - a\n b', /cannot read kubernetes\.pod_template \S+: it is not YAML \(line \d\)/],
    ['is no PodTemplateSpec', 'kind: Pod\nspec: {}', /cannot use kubernetes\.pod_template \S+: it has the key kind/],
    [
      'sets a variable of jobs.env',
      'spec: { containers: [{ name: agent, env: [{ name: KEY, value: other }] }] }',
      /it changes the variable KEY of the container "agent", which jobs\.env sets.*\n?.*Remove KEY from the file, or from jobs\.env/,
    ],
  ];
  for (const [what, template, error] of unusable) {
    test(`ends if the pod template ${what}`, async (t) => {
      await using setting = (await setUp(t, { template })) ?? null;
      if (!setting) return;
      const runner = await setting.start();
      assert.equal(await runner.ended(), 5, runner.log);
      assert.match(runner.log, error);
    });
  }

  test('ends if the pod template is missing', async (t) => {
    await using setting = (await setUp(t, { template: '' })) ?? null;
    if (!setting) return;
    await rm(setting.templateFile);
    const runner = await setting.start();
    assert.equal(await runner.ended(), 5, runner.log);
    assert.match(runner.log, /cannot read kubernetes\.pod_template \S+: ENOENT/);
  });

  test('with a pod template that the API server rejects warns, and is degraded until the file is corrected', async (t) => {
    await using setting = (await setUp(t, { template: 'spec: { nodeselector: { pool: agents } }' })) ?? null;
    if (!setting) return;
    const runner = await setting.start();
    const warned =
      /WARN +runtime refuses all jobs error="the cluster refuses the Job of a task: .*unknown field \\"spec\.template\.spec\.nodeselector\\"" remedy="Correct kubernetes\.pod_template \S+\."/;
    await runner.logged(warned, patienceMs);
    const { body } = await setting.health();
    assert.deepEqual(body, { phase: 'degraded', problems: ['runtime'], warnings: [] });
    // Commands are served a moment later.
    const shown = /Running, degraded.*no job can start: the cluster refuses the Job of a task/;
    await eventually(async () => shown.test((await status(runner)).stdout), patienceMs);
    assert.doesNotMatch(runner.log, /runner ready/);
    await writeFile(setting.templateFile, 'spec: { hostPID: true }');
    await runner.logged(/runner ready/, patienceMs);
    assert.match(runner.log, /runtime accepts jobs again/);
    assert.equal(((await setting.health()).body as { phase: string }).phase, 'ready');
  });

  test('warns of what a pod template opens', async (t) => {
    await using setting = (await setUp(t, { template: 'spec: { hostPID: true }' })) ?? null;
    if (!setting) return;
    const runner = await setting.start();
    await runner.logged(/runner ready/, patienceMs);
    const warned =
      /WARN +runtime warning reason="kubernetes\.pod_template sets hostPID: true: agents see the processes of the node and can send them signals" remedy="Remove it from \S+ if agents do not need it\."/;
    assert.match(runner.log, warned);
    assert.doesNotMatch(runner.log, /jobs\.pids|git mirrors/);
  });
});
