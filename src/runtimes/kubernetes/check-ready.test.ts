import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { issueCertificates } from '../../jobs/credentials/certificates.ts';
import { readText } from '../../lib/read-file.ts';
import { connect } from './api/connect.ts';
import type { KubeApi } from './api/kube-api.ts';
import { parseYaml } from './api/kubeconfig.ts';
import { checkCluster, replicaRights, runnerRights, wallRights } from './check-ready.ts';

const chartRules = new URL('../../../deploy/helm/plan42-runner/files/role-rules.yaml', import.meta.url).pathname;

test('the rights that are checked are those of the chart’s Role', async () => {
  const rules = (await parseYaml(await readText(chartRules))) as Record<
    'apiGroups' | 'resources' | 'verbs',
    string[]
  >[];
  const given = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => [group, resource, verb].join(' '))),
    ),
  );
  const checked = [...runnerRights, ...replicaRights, ...wallRights].map(([verb, group, resource, subresource]) =>
    [group, subresource === undefined ? resource : `${resource}/${subresource}`, verb].join(' '),
  );
  // The runner lists and watches events. To read one by name adds nothing.
  assert.deepEqual(checked.toSorted(), given.filter((right) => right !== ' events get').toSorted());
});

test('rights of the wall are asked for, and named if they are missing', async () => {
  const api: KubeApi = {
    ...{ namespace: 'ns', server: 's', stream: () => Promise.reject(new Error('unused')) },
    request: async (_, path, options) => {
      const { spec } = (options?.body ?? {}) as { spec?: { resourceAttributes?: { resource: string } } };
      const allowed = spec?.resourceAttributes?.resource !== 'networkpolicies';
      return { gitVersion: 'v1.34.0', path, status: { allowed } } as never;
    },
  };
  const connect = async () => api;
  assert.equal((await checkCluster(connect)).ready, true);
  const readiness = await checkCluster(connect, { more: wallRights });
  assert.ok(!readiness.ready);
  assert.match(readiness.reason, /may not create networkpolicies, delete networkpolicies in the namespace ns$/);
});

test('a cluster with the certificate of another authority is refused, with the setting to correct', async (t) => {
  const { certificate, key } = issueCertificates(['127.0.0.1'], new Date());
  const { authority } = issueCertificates(['127.0.0.1'], new Date());
  const server = createServer({ cert: certificate, key }, (_, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await using dir = await makeTempDir();
  const kubeconfig = join(dir.path, 'config');
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': btoa(authority) };
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 'x' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const readiness = await checkCluster(() => connect({ kubeconfig }, {}));
  assert.ok(!readiness.ready);
  assert.match(readiness.reason, /^cannot reach the cluster https:\S+: [^;]*certificate[^;]*$/);
  assert.match(readiness.remedy ?? '', /^Correct certificate-authority or /);
});
