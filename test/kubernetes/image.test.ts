/** The image of the runner, started from the objects of the chart with exactly its rights, runs a task of the real control plane. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { blocksRunBy } from '../support/docs/blocks-run-by.ts';
import { run } from '../support/engines/processes.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import type { Json } from '../support/json.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { create } from '../support/kubernetes/apply.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { buildHelm, whyNoHelm } from '../support/kubernetes/helm.ts';
import { loadRunnerImage } from '../support/kubernetes/runner-image.ts';
import { requiresCommands } from '../support/requires-command.ts';
import { getTurn, startTask, untilOver } from '../support/tasks.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { makeAuthority } from '../support/wall/authority.ts';

const root = join(import.meta.dirname, '../..');
const patienceMs = 180_000;
const namespace = 'plan42';

interface Image {
  repository: string;
  tag: string;
}

let loaded: Promise<Image> | undefined;

interface Setting extends AsyncDisposable {
  cluster: Cluster;
  image: Image;
  plane: TestControlPlane;
  /** On the way from the pods to the server. */
  proxy: FaultProxy;
  /** An empty folder. */
  folder: string;
  /** Values of the chart, for this image and server. */
  values: Json;
  /** Runs commands of a shell in the checkout, with `kubectl` and `helm`. */
  bash: (commands: string) => Promise<string>;
}

/** Undefined, and the test is skipped, if a prerequisite is missing. */
async function setUp(t: TestContext, namespace: string): Promise<Setting | undefined> {
  const why = await whyNoHelm();
  if (why !== '') {
    t.skip(`missing prerequisite: Helm: ${why}`);
    return undefined;
  }
  if (!(await requiresCommands(t, 'patchelf', 'strip', 'openssl', 'kubectl'))) return undefined;
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  loaded ??= loadRunnerImage(cluster);
  const image = await loaded;
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  const proxy = undo.use(await FaultProxy.start(() => plane.localUrl));
  // Runners call servers with TLS only.
  const { caFile, certFile, keyFile } = await makeAuthority(dir.path, [cluster.host]);
  const pair = { cert: await readFile(certFile), key: await readFile(keyFile) };
  const outside = createServer(pair, (socket) => {
    const inside = connect(Number(new URL(proxy.url).port), '127.0.0.1');
    for (const one of [socket, inside]) one.on('error', () => inside.destroy(void socket.destroy()));
    socket.pipe(inside).pipe(socket);
  }).listen(0, '127.0.0.1');
  undo.defer(() => void outside.close());
  await once(outside, 'listening');
  const address = await cluster.expose((outside.address() as AddressInfo).port);
  const plane = undo.use(await startControlPlane({ publicUrl: `https://${address}` }));
  const env = {
    ...process.env,
    KUBECONFIG: cluster.adminKubeconfig,
    HOME: dir.path,
    PATH: `${dirname(await buildHelm())}:${process.env['PATH']}`,
  };
  await cluster.admin.request('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const data = { 'ca.pem': await readFile(caFile, 'utf8') };
  const company = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'company', namespace }, data };
  await create(cluster.admin, company);
  const owned = undo.move();
  return {
    cluster,
    image,
    plane,
    proxy,
    folder: dir.path,
    values: {
      image: { ...image, pullPolicy: 'Never' },
      server: { url: `https://${address}` },
      config: { jobs: { cpus: 0.5, memory_gib: 0.5 }, network: { ca_file: '/etc/company/ca.pem' } },
      extraVolumes: [{ name: 'company', configMap: { name: 'company' } }],
      extraVolumeMounts: [{ name: 'company', mountPath: '/etc/company' }],
    },
    bash: (commands) => run('bash', ['-euo', 'pipefail', '-c', 'cd "$0" && eval "$1"', root, commands], { env }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function readPodLog({ admin }: Cluster, namespace: string, pod: string): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const parts = await admin
    .stream(`/api/v1/namespaces/${namespace}/pods/${pod}/log`, { signal })
    .catch(() => undefined);
  return parts === undefined ? '' : Buffer.concat(await Array.fromAsync(parts)).toString();
}

suite('the image in a cluster', () => {
  test('a pod of the chart runs a task from end to end, and drains', async (t) => {
    await using setting = await setUp(t, namespace);
    if (!setting) return;
    const { cluster, image, plane, values, folder } = setting;
    const { admin } = cluster;
    const base = `/api/v1/namespaces/${namespace}`;
    const token = await plane.newToken();
    await writeFile(join(folder, 'token.txt'), token);
    const valuesFile = join(folder, 'values.json');
    await writeFile(valuesFile, JSON.stringify(values));
    const blocks = await blocksRunBy(import.meta);
    const [prepare, install, plain, check, upgrade, replaceToken, remove, removeRest, ...others] = blocks;
    assert.deepEqual(others, []);
    const bash = async (block: { text: string; place: string } | undefined) => {
      assert.ok(block);
      const commands = block.text
        .replaceAll(/(?:token|state-key)\.txt/g, (name) => join(folder, name))
        .replace('image.repository=registry.example.com/plan42-runner', `image.repository=${image.repository}`)
        .replace('image.tag=VERSION', `image.tag=${image.tag}`)
        .replace('server.url=https://plan42.example.com', `server.url=${values.server.url} --values ${valuesFile}`)
        // The same names are in use.
        .replace('kubectl apply --filename deploy', 'kubectl apply --dry-run=client --filename deploy')
        // It has the certificate authority already.
        .replace('create namespace plan42', 'get namespace plan42');
      return setting.bash(commands);
    };
    await bash(prepare);
    await bash(install);
    await bash(plain);

    const runner = async (): Promise<Json> => {
      const { items } = await admin.request<{ items: Json[] }>('GET', `${base}/pods`);
      return items.find(({ metadata: { labels } }) => labels['app.kubernetes.io/name'] === 'plan42-runner');
    };
    const log = async () => readPodLog(cluster, namespace, (await runner())?.metadata.name);
    const isReady = async () => (await runner())?.status.containerStatuses?.[0]?.ready === true;
    await eventually(isReady, patienceMs).catch(async (error: unknown) => {
      throw new Error(`the runner is not ready: ${JSON.stringify((await runner())?.status)}\n${await log()}`, {
        cause: error,
      });
    });

    const checked = await bash(check);
    assert.match(checked, /successfully rolled out/);
    assert.match(checked, /^ok +Server /m);
    assert.match(checked, /^(ok|warning) +Container runtime +kubernetes v1\./m);
    // No image of a task is known yet, so that of the own pod is tried.
    // The network of the test cluster enforces no policies.
    assert.match(checked, /^warning +Test container /m);
    assert.match(checked, /the cluster accepts the Job of a task \(dry run\)$/m);
    assert.match(checked, /no job with a limited network can run: the wall around its network does not stand/);
    assert.match(checked, new RegExp(`^ +a pod of ${image.repository}:${image.tag} started within `, 'm'));

    // The image of the runner is that of the sample agent too.
    const EnvironmentId = await plane.newEnvironment({ DockerImage: `${image.repository}:${image.tag}` });
    const taskId = await plane.newTask({ EnvironmentId, Prompt: 'How many words are these?' });
    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.equal(turn.Status, 'Completed', `${turn.ErrorMessage}\n${await log()}`);
    const left = async (kind: string) => {
      const path = kind === 'jobs' ? `/apis/batch/v1/namespaces/${namespace}/jobs` : `${base}/${kind}`;
      return (await admin.request<{ items: Json[] }>('GET', path)).items.map(({ metadata: { name } }) => name);
    };
    await eventually(async () => (await left('jobs')).length === 0, patienceMs);
    assert.deepEqual(
      (await left('secrets')).filter((name) => !name.startsWith('sh.helm.')),
      ['plan42-runner'],
    );

    // The message of a turn that fails ends with a command that prints the log of its job.
    await loadAgentImages(cluster);
    const failing = await startTask(plane, agentImage, 'echo from the log; exit 3');
    const { ErrorMessage } = (await untilOver(plane, failing, patienceMs)).turn;
    const [, command = ''] = /exit code 3 .* Its log is on \S+: (kubectl .*)$/.exec(ErrorMessage) ?? [];
    assert.match(await setting.bash(command), /^from the log$/m, ErrorMessage);

    const rolledOut = () =>
      setting.bash(
        `kubectl --namespace ${namespace} rollout status deployment/plan42-runner --timeout=${patienceMs / 1000}s`,
      );
    await bash(upgrade);
    await rolledOut();
    const before = (await runner()).metadata.name;
    await writeFile(join(folder, 'token.txt'), await plane.newToken());
    const { data: formerSecret } = await admin.request<Json>('GET', `${base}/secrets/plan42-runner`);
    await bash(replaceToken);
    await rolledOut();
    const { data: secret } = await admin.request<Json>('GET', `${base}/secrets/plan42-runner`);
    assert.equal(secret['state-key'], formerSecret['state-key']);
    assert.notEqual(secret.token, formerSecret.token);
    await eventually(async () => {
      const { items } = await admin.request<{ items: Json[] }>('GET', `${base}/pods`);
      return !items.some(({ metadata }) => metadata.name === before);
    }, patienceMs);
    await eventually(isReady, patienceMs);

    const followed = admin.stream(`${base}/pods/${(await runner()).metadata.name}/log`, {
      query: { follow: 'true' },
      signal: t.signal,
    });
    const open = await followed;
    await bash(remove);
    await bash(removeRest);
    const text = Buffer.concat(await Array.fromAsync(open)).toString();
    assert.match(text, /runner ready/);
    assert.match(text, /draining/);
    assert.match(text, /runner stopped/);
    assert.ok(!text.includes(token));
  });

  test('two replicas of the chart: one is killed in the middle, and each job is reported once', async (t) => {
    const namespace = 'replicas';
    await using setting = await setUp(t, namespace);
    if (!setting) return;
    const { cluster, image, plane, proxy, values, folder } = setting;
    const { admin } = cluster;
    const base = `/api/v1/namespaces/${namespace}`;
    const valuesFile = join(folder, 'values.json');
    const resources = { requests: { cpu: '10m', memory: '64Mi' } };
    const more = {
      replicas: 2,
      secret: { name: 'plan42-runner', stateKeyKey: 'key' },
      podTemplate: { spec: { containers: [{ name: 'agent', resources }] } },
    };
    await writeFile(valuesFile, JSON.stringify({ ...values, ...more }));
    const stringData = { token: await plane.newToken(), key: randomUUID() };
    await admin.request('POST', `${base}/secrets`, { body: { metadata: { name: 'plan42-runner' }, stringData } });
    await setting.bash(
      `helm install plan42-runner deploy/helm/plan42-runner --namespace ${namespace} --values ${valuesFile}`,
    );
    const pods = async (): Promise<Json[]> => {
      const { items } = await admin.request<{ items: Json[] }>('GET', `${base}/pods`);
      return items.filter(({ metadata: { labels } }) => labels['app.kubernetes.io/name'] === 'plan42-runner');
    };
    const log = async ({ metadata: { name } }: Json) => readPodLog(cluster, namespace, name);
    const isReady = ({ status }: Json) => status.containerStatuses?.[0]?.ready === true;
    const logs = async () => (await Promise.all((await pods()).map(log))).join('\n');
    await eventually(async () => (await pods()).filter(isReady).length === 2, patienceMs).catch(
      async (error: unknown) => {
        throw new Error(`the runners are not ready:\n${await logs()}`, { cause: error });
      },
    );

    const EnvironmentId = await plane.newEnvironment({ DockerImage: `${image.repository}:${image.tag}` });
    // Some end while no replica manages them, and some after that.
    const tasks = await Promise.all(
      [45, 50, 100, 105, 110, 115].map((seconds) =>
        plane.newTask({ EnvironmentId, Prompt: `Count these words. [sleep ${seconds}] [exit 4]` }),
      ),
    );
    const statuses = () => Promise.all(tasks.map(async (task) => (await getTurn(plane, task)).Status as string));
    // On a busy machine, the short ones are over before the last one has begun.
    const begun = /^(?:Following \[sleep|Completed$|Failed$)/;
    await eventually(async () => (await statuses()).every((status) => begun.test(status)), patienceMs).catch(
      async (error: unknown) => {
        throw new Error(`not all jobs run: ${(await statuses()).join(', ')}\n${await logs()}`, { cause: error });
      },
    );
    // An agent can begin before its runner has noted that it has. One replica may have taken all jobs.
    const startedBy = async (pod: Json) => ({ pod, count: (await log(pod)).split('job started').length - 1 });
    const counts = async () => Promise.all((await pods()).map(startedBy));
    const [most] = await eventually(async () => {
      const all = (await counts()).toSorted((one, other) => other.count - one.count);
      return all.reduce((sum, { count }) => sum + count, 0) >= tasks.length && all;
    }, patienceMs);
    const first = most?.pod;
    assert.ok(first);

    // As with its node: nothing of it is left.
    await cluster.kill(namespace, first.metadata.name, 'runner');
    const killedAt = Date.now();
    await admin.request('DELETE', `${base}/pods/${first.metadata.name}`, { body: { gracePeriodSeconds: 0 } });
    for (const task of tasks) {
      const { turn } = await untilOver(plane, task, patienceMs);
      assert.match(turn.ErrorMessage, /exit code 4 /, await logs());
      const reports = proxy
        .callsOf('turn')
        .filter((call) => call.turn?.taskId === task && call.turn.Status === 'Failed' && call.serverStatus === 200);
      assert.equal(reports.length, 1, task);
    }
    const text = await logs();
    const timesOf = (pattern: RegExp) =>
      text.split('\n').flatMap((line) => (pattern.test(line) ? [Date.parse(line.split(' ')[0] ?? '')] : []));
    const leaseEnds = timesOf(/lease of another replica ended/);
    const adopted = timesOf(/adopted job (?:of another replica|from previous run)/);
    const sinceKill = (times: number[]) => times.map((at) => at - killedAt).join(', ');
    t.diagnostic(`ms after the kill: leases ended ${sinceKill(leaseEnds)}, jobs adopted ${sinceKill(adopted)}`);
    assert.ok(adopted.length > 0, text);
    // On a busy machine, a replica may lose its Lease before, too.
    for (const at of adopted) {
      const leaseEnd = Math.max(...leaseEnds.filter((end) => end <= at));
      assert.ok(at - leaseEnd < 30_000, text);
    }
    const names = async (path: string) =>
      (await admin.request<{ items: Json[] }>('GET', path)).items.map(({ metadata }) => metadata.name);
    await eventually(async () => (await names(`/apis/batch/v1/namespaces/${namespace}/jobs`)).length === 0, patienceMs);
    const leases = await names(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`);
    assert.deepEqual(
      leases.filter((name) => !name.startsWith('plan42-replica-')),
      [],
    );
    await admin.request('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/plan42-runner`);
    await eventually(async () => (await pods()).length === 0, patienceMs);
  });
});
