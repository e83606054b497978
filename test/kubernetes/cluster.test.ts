/** The test cluster itself. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import type { KubeApi } from '../../src/runtimes/kubernetes/api/kube-api.ts';
import { requires } from '../support/engines-client.ts';
import { eventually } from '../support/eventually.ts';
import { requiresCluster, startCluster } from '../support/kubernetes/cluster.ts';

interface Pod {
  status: { phase: string };
}

/** Runs a pod to its end and returns its log. */
async function runPod(api: KubeApi, namespace: string, image: string, command: string): Promise<string> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const container = { name: 'main', image, command: ['sh', '-c', command] };
  const spec = { restartPolicy: 'Never', dnsPolicy: 'Default', containers: [container] };
  await api.request('POST', pods, { body: { metadata: { name: 'one' }, spec } });
  await eventually(async () => {
    const { status } = await api.request<Pod>('GET', `${pods}/one`);
    return status.phase === 'Succeeded' || status.phase === 'Failed';
  });
  const log = await api.stream(`${pods}/one/log`, { signal: AbortSignal.timeout(30_000) });
  return Buffer.concat(await Array.fromAsync(log)).toString();
}

suite('the test cluster', { concurrency: 3 }, () => {
  test('a pod is pulled from the registry on loopback, and reaches an exposed port of this machine', async (t) => {
    const engines = await requires(t, 'registry');
    const cluster = engines && (await requiresCluster(t));
    if (!cluster) return;
    const server = createServer((_request, response) => response.end('from the host')).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { namespace } = await cluster.createRunnerAccount('pods');
    const address = await cluster.expose((server.address() as AddressInfo).port);
    const command = `wget -qO- http://${address}/`;
    const { agent } = engines.images;
    assert.equal(await runPod(cluster.admin, namespace, agent, command), 'from the host');
  });

  test('the account of the runner has its rights in one namespace, and no others', async (t) => {
    const cluster = await requiresCluster(t);
    if (!cluster) return;
    const { api, namespace } = await cluster.createRunnerAccount('rights');
    const core = `/api/v1/namespaces/${namespace}`;
    const secret = { metadata: { name: 'one' }, stringData: { key: 'value' } };
    await api.request('POST', `${core}/secrets`, { body: secret });
    await api.request('GET', `${core}/pods`);
    await api.request('DELETE', `${core}/secrets/one`);
    for (const path of [`${core}/secrets`, '/api/v1/namespaces/default/pods', '/api/v1/nodes']) {
      await assert.rejects(api.request('GET', path), { status: 403 });
    }
  });

  test('an API server that was killed starts again with the same objects', async (t) => {
    if (!(await requiresCluster(t))) return;
    await using cluster = await startCluster();
    await cluster.createRunnerAccount('kept');
    await cluster.stop();
    await assert.rejects(cluster.admin.request('GET', '/api/v1/namespaces/kept'));
    await cluster.startApiServer();
    await cluster.admin.request('GET', '/api/v1/namespaces/kept');
  });

  test('a cluster ends when the process that started it is killed', async (t) => {
    if (!(await requiresCluster(t))) return;
    const script = `
      import { startCluster } from '${import.meta.resolve('../support/kubernetes/cluster.ts')}';
      const cluster = await startCluster();
      console.log(cluster.dir);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [dir] = (await once(createInterface(child.stdout), 'line')) as [string];
    assert.ok((await readdir(dir)).includes('pki'));
    child.kill('SIGKILL');
    await eventually(() =>
      access(dir).then(
        () => false,
        () => true,
      ),
    );
  });
});
