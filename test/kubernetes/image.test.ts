/** The image of the runner, started from the objects of the chart with exactly its rights, runs a task of the real control plane. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { createServer } from 'node:tls';
import { buildInfo } from '../../scripts/build/version.ts';
import { buildExecutable } from '../../scripts/package/executable.ts';
import { buildImage } from '../../scripts/package/image/image.ts';
import { buildTree } from '../../scripts/package/tree.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { blocksRunBy } from '../support/docs/blocks-run-by.ts';
import { run } from '../support/engines/processes.ts';
import { eventually } from '../support/eventually.ts';
import type { Json } from '../support/json.ts';
import { create } from '../support/kubernetes/apply.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { buildHelm, whyNoHelm } from '../support/kubernetes/helm.ts';
import { requiresCommands } from '../support/requires-command.ts';
import { untilOver } from '../support/tasks.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { makeAuthority } from '../support/wall/authority.ts';

const root = join(import.meta.dirname, '../..');
const patienceMs = 180_000;
const namespace = 'plan42';

/** Builds the image and imports it into the cluster. Returns its name. */
async function loadImage(cluster: Cluster, folder: string): Promise<{ repository: string; tag: string }> {
  const info = await buildInfo(root);
  const executable = await buildExecutable(join(folder, 'executable'));
  const tree = join(folder, 'tree');
  await buildTree(tree, executable, { withLibraries: true });
  const options = { executable: executable.path, staging: join(folder, 'image'), output: folder, info };
  await cluster.load(await buildImage(tree, options));
  return { repository: 'localhost/plan42-runner', tag: info.version };
}

suite('the image in a cluster', () => {
  test('a pod of the chart runs a task from end to end, and drains', async (t) => {
    const why = await whyNoHelm();
    if (why !== '') return t.skip(`missing prerequisite: Helm: ${why}`);
    if (!(await requiresCommands(t, 'patchelf', 'strip', 'openssl', 'kubectl'))) return;
    const cluster = await requiresCluster(t);
    if (!cluster) return;
    await using dir = await makeTempDir();
    const image = await loadImage(cluster, dir.path);

    // Runners call servers with TLS only.
    const { caFile, certFile, keyFile } = await makeAuthority(dir.path, [cluster.host]);
    const pair = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const outside = createServer(pair, (socket) => {
      const inside = connect(Number(new URL(plane.localUrl).port), '127.0.0.1');
      for (const one of [socket, inside]) one.on('error', () => inside.destroy(void socket.destroy()));
      socket.pipe(inside).pipe(socket);
    }).listen(0, '127.0.0.1');
    t.after(() => outside.close());
    await once(outside, 'listening');
    const address = await cluster.expose((outside.address() as AddressInfo).port);
    await using plane = await startControlPlane({ publicUrl: `https://${address}` });

    const { admin } = cluster;
    const base = `/api/v1/namespaces/${namespace}`;
    const token = await plane.newToken();
    await writeFile(join(dir.path, 'token.txt'), token);
    const data = { 'ca.pem': await readFile(caFile, 'utf8') };
    const values = {
      image: { pullPolicy: 'Never' },
      config: { jobs: { cpus: 0.5, memory_gib: 0.5 }, network: { ca_file: '/etc/company/ca.pem' } },
      extraVolumes: [{ name: 'company', configMap: { name: 'company' } }],
      extraVolumeMounts: [{ name: 'company', mountPath: '/etc/company' }],
    };
    const valuesFile = join(dir.path, 'values.json');
    await writeFile(valuesFile, JSON.stringify(values));

    const env = {
      ...process.env,
      KUBECONFIG: cluster.adminKubeconfig,
      HOME: dir.path,
      PATH: `${dirname(await buildHelm())}:${process.env['PATH']}`,
    };
    const [prepare, install, plain, check, ...others] = await blocksRunBy(import.meta);
    assert.deepEqual(others, []);
    const bash = async (block: { text: string; place: string } | undefined) => {
      assert.ok(block);
      const command = block.text
        .replace('token.txt', join(dir.path, 'token.txt'))
        .replace('image.repository=registry.example.com/plan42-runner', `image.repository=${image.repository}`)
        .replace('image.tag=VERSION', `image.tag=${image.tag}`)
        .replace('server.url=https://plan42.example.com', `server.url=https://${address} --values ${valuesFile}`)
        // The same names are in use.
        .replace('kubectl apply', 'kubectl apply --dry-run=client');
      return run('bash', ['-euo', 'pipefail', '-c', 'cd "$0" && eval "$1"', root, command], { env });
    };
    await bash(prepare);
    const company = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'company', namespace }, data };
    await create(admin, company);
    await bash(install);
    await bash(plain);

    const runner = async (): Promise<Json> => {
      const { items } = await admin.request<{ items: Json[] }>('GET', `${base}/pods`);
      return items.find(({ metadata: { labels } }) => labels['app.kubernetes.io/name'] === 'plan42-runner');
    };
    const log = async () => {
      const pod = await runner();
      const parts = await admin
        .stream(`${base}/pods/${pod?.metadata.name}/log`, { signal: t.signal })
        .catch(() => undefined);
      return parts === undefined ? '' : Buffer.concat(await Array.fromAsync(parts)).toString();
    };
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

    const followed = admin.stream(`${base}/pods/${(await runner()).metadata.name}/log`, {
      query: { follow: 'true' },
      signal: t.signal,
    });
    await admin.request('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/plan42-runner`);
    const text = Buffer.concat(await Array.fromAsync(await followed)).toString();
    assert.match(text, /runner ready/);
    assert.match(text, /draining/);
    assert.match(text, /runner stopped/);
    assert.ok(!text.includes(token));
  });
});
