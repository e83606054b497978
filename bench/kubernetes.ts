/**
 * A job in a real cluster beside the same Job created by hand, in turns: from the invocation to the first output. Then the
 * requests to the API server of each job, without and with replicas, and the memory of a runner that has many jobs.
 * PLAN42_BENCH_JOBS sets how many; PLAN42_BENCH_PARTS chooses among starts, requests, memory and pods. `memory` has pods on a
 * node that is a stand-in, `pods` the memory with real ones, for which the node has PLAN42_BENCH_MINUTES.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planSecrets } from '../src/runtimes/kubernetes/manifest/secrets.ts';
import { readStartProgram } from '../src/runtimes/kubernetes/manifest/start-program.ts';
import { eventually } from '../test/support/eventually.ts';
import { agentImage, loadAgentImages } from '../test/support/kubernetes/agent-image.ts';
import { type Cluster, startCluster } from '../test/support/kubernetes/cluster.ts';
import { OutageProxy } from '../test/support/kubernetes/outage-proxy.ts';
import type { RunnerAccount } from '../test/support/kubernetes/runner-account.ts';
import { MessagePlane } from '../test/support/message-plane.ts';
import { residentMib } from '../test/support/process-usage.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { makeTempDir } from '../test/support/temp-dir.ts';
import { median } from './support/median.ts';
import { startStandInNode } from './support/stand-in-node.ts';

const rounds = 10;
const countedJobs = 20;
const manyJobs = Number(process.env['PLAN42_BENCH_JOBS'] ?? 200);
const patienceMs = 600_000;
const maxStartMs = Number(process.env['PLAN42_BENCH_MINUTES'] ?? 15) * 60_000;
const maxRequests = 12;
const maxMegabytes = 150;

interface Metadata {
  name: string;
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
}
type Item = { metadata: Metadata; spec: Record<string, unknown>; status?: { phase?: string } };

await using cluster = await startCluster({ nodeConfig: `maxPods: ${manyJobs + 20}` });
await loadAgentImages(cluster);
await using folder = await makeTempDir();
const template = join(folder.path, 'pod.yaml');
await writeTemplate();
const measurements: Readonly<Record<string, () => Promise<void>>> = {
  starts: measureStarts,
  requests: measureRequests,
  memory: () => measureMemory('memory', true),
  pods: () => measureMemory('pods', false),
};
const wanted = process.env['PLAN42_BENCH_PARTS']?.split(',') ?? ['starts', 'requests', 'memory'];
for (const part of wanted) await measurements[part]?.();

/** With requests so small that one node takes all pods. */
async function writeTemplate(more: object = {}): Promise<void> {
  const resources = { requests: { cpu: '1m', memory: '1Mi' } };
  await writeFile(template, JSON.stringify({ spec: { containers: [{ name: 'agent', resources }], ...more } }));
}

async function startRunner(kubeconfig: string, maxJobs: number, more = '') {
  const plane = await new MessagePlane().listen();
  const jobs = `[jobs]\nmax_jobs = ${maxJobs}\ncpus = 1\nmemory_gib = 0.0625\nmin_free_gib = 0\n`;
  const config = `${jobs}[kubernetes]\nkubeconfig = "${kubeconfig}"\npod_template = "${template}"\nstart_timeout = "30m"\n${more}`;
  const runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: 'kubernetes', config });
  await runner.logged(/runner ready/, patienceMs);
  return {
    runner,
    async deliver(commands: string): Promise<string> {
      const TaskId = randomUUID();
      const Turn = { TenantId: plane.tenantId, TaskId, TurnIndex: 1, Version: 1, Status: 'Pending' };
      const Task = { TaskId, Prompt: `@@${commands}@@` };
      const Environment = { DockerImage: agentImage };
      const message = { Type: 'InvokeAgentRequest', Turn, Task, Environment, AgentToken: 'p42a_x' };
      await plane.deliver([plane.message(message)], 60_000);
      return `plan42-${TaskId}-1`;
    },
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
    },
  };
}

function listIn({ namespace }: RunnerAccount, resource: string, group = '/api/v1') {
  return cluster.admin.request<{ items: Item[] }>('GET', `${group}/namespaces/${namespace}/${resource}`);
}

/** When the node got the first line of a pod, by the clock of this machine. */
async function firstOutputMs({ admin }: Cluster, { namespace }: RunnerAccount, pod: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log`;
  return eventually(async () => {
    try {
      const query = { timestamps: 'true', container: 'agent' };
      const stream = await admin.stream(path, { query, signal: AbortSignal.timeout(30_000) });
      const [time = ''] = Buffer.concat(await Array.fromAsync(stream))
        .toString()
        .split(' ');
      return time === '' ? undefined : Date.parse(time);
    } catch {
      return undefined;
    }
  }, 60_000);
}

async function measureStarts(): Promise<void> {
  const account = await cluster.createRunnerAccount('starts');
  await using service = await startRunner(account.kubeconfig, 4);
  const [ours, byHand]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round += 1) {
    const begunAt = Date.now();
    const jobId = await service.deliver('sleep 3');
    const pod = await eventually(async () => {
      const { items } = await listIn(account, 'pods');
      return items.find(({ metadata }) => metadata.annotations?.['plan42.ai/job-id'] === jobId)?.metadata.name;
    }, patienceMs);
    const first = await firstOutputMs(cluster, account, pod);
    const { items } = await listIn(account, 'jobs', '/apis/batch/v1');
    const model = items.find(({ metadata }) => metadata.annotations?.['plan42.ai/job-id'] === jobId);
    await service.runner.logged(new RegExp(`job finished job_id=${jobId}`), patienceMs);
    const own = await createByHand(account, model as Item);
    // The first round warms everything up.
    if (round < 0) continue;
    ours.push(first - begunAt);
    byHand.push(own);
  }
  const difference = median(ours) - median(byHand);
  console.log(
    `first output ${median(ours)} ms after the invocation, ${median(byHand)} ms after the same Job by hand: ${difference} ms more (medians of ${rounds})`,
  );
}

/** Creates the same Secret and Job with another name, as a person would with a file. */
async function createByHand(account: RunnerAccount, model: Item): Promise<number> {
  const { namespace, api } = account;
  const name = `by-hand-${randomUUID().slice(0, 8)}`;
  const text = JSON.stringify(model.spec['template']).replaceAll(model.metadata.name, name);
  const template = JSON.parse(text) as { metadata: Metadata; spec: Record<string, unknown> };
  template.metadata = { name };
  const startProgram = await readStartProgram(process.arch);
  if (startProgram === undefined) throw new Error('the program that starts agents is not built');
  const request = Buffer.from('{"Prompt":"@@sleep 3@@"}');
  const [data] = planSecrets(name, { startProgram, request, files: {}, variables: {} }).data;
  const begunAt = Date.now();
  const secret = { metadata: { name: `${name}-0` }, immutable: true, data };
  await api.request('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: secret });
  const spec = { backoffLimit: 0, completions: 1, parallelism: 1, podReplacementPolicy: 'Failed', template };
  await api.request('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, { body: { metadata: { name }, spec } });
  const pod = await eventually(async () => {
    const { items } = await listIn(account, 'pods');
    return items.find(({ metadata }) => metadata.name.startsWith(name))?.metadata.name;
  }, patienceMs);
  return (await firstOutputMs(cluster, account, pod)) - begunAt;
}

async function measureRequests(): Promise<void> {
  await measureRequestsOf('requests', 'a runner alone');
  await measureRequestsOf('replicas', 'a replica', `state_key = "${randomBytes(32).toString('hex')}"\n`);
}

async function measureRequestsOf(namespace: string, what: string, more?: string): Promise<void> {
  const account = await cluster.createRunnerAccount(namespace);
  await using proxy = await OutageProxy.start(account.kubeconfig);
  const kubeconfig = join(folder.path, namespace);
  await writeFile(kubeconfig, proxy.kubeconfig, { mode: 0o600 });
  await using service = await startRunner(kubeconfig, 4, more);
  const before = new Map(proxy.counts);
  for (let n = 0; n < countedJobs; n += 4) {
    const jobIds = await Promise.all(Array.from({ length: 4 }, () => service.deliver('sleep 1')));
    for (const jobId of jobIds) await service.runner.logged(new RegExp(`job finished job_id=${jobId}`), patienceMs);
  }
  const counts = [...proxy.counts].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  const all = counts.reduce((sum, [, count]) => sum + count, 0) / countedJobs;
  const parts = counts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${(count / countedJobs).toFixed(1)}`);
  check(
    `${all.toFixed(1)} requests of a job of ${what} (at most ${maxRequests}): ${parts.join(', ')}`,
    all,
    maxRequests,
  );
}

async function measureMemory(namespace: string, isStandIn: boolean): Promise<void> {
  const account = await cluster.createRunnerAccount(namespace);
  await using stack = new AsyncDisposableStack();
  if (isStandIn) {
    const { name } = stack.use(await startStandInNode(cluster, { namespace: account.namespace, lineMs: 5000 }));
    await writeTemplate({ nodeName: name });
  }
  await using service = await startRunner(account.kubeconfig, manyJobs);
  const megabytes = async () => ((await residentMib(service.runner.pid)) * 2 ** 20) / 1e6;
  const idle = await megabytes();
  const startedAt = performance.now();
  for (let n = 0; n < manyJobs; n += 1) await service.deliver('while :; do echo a line of the log; sleep 5; done');
  const running = await eventually(async () => {
    const { items } = await listIn(account, 'pods');
    const count = items.filter(({ status }) => status?.phase === 'Running').length;
    return count === manyJobs || performance.now() - startedAt > maxStartMs ? count : undefined;
  }, maxStartMs + patienceMs);
  const minutes = (performance.now() - startedAt) / 60_000;
  // All logs are followed, and a full collection has had its time.
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const used = await megabytes();
  const what = isStandIn ? 'on a stand-in for a node' : 'in real pods';
  const jobs = `${manyJobs} jobs, of which ${running} run ${what} after ${minutes.toFixed(1)} minutes`;
  check(
    `${used.toFixed(0)} MB with ${jobs} (at most ${maxMegabytes}), ${idle.toFixed(0)} MB without`,
    used,
    maxMegabytes,
  );
}

function check(text: string, value: number, limit: number): void {
  console.log(text);
  if (value > limit) process.exitCode = 1;
}
