import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '../../../src/runtimes/kubernetes/api/connect.ts';
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import { parseYaml } from '../../../src/runtimes/kubernetes/api/kubeconfig.ts';

/** A service account of the runner, in a namespace of its own. */
export interface RunnerAccount {
  namespace: string;
  /** A kubeconfig with its token; its context has the namespace. */
  kubeconfig: string;
  api: KubeApi;
}

interface Options {
  admin: KubeApi;
  adminKubeconfig: string;
  folder: string;
  namespace: string;
}

const name = 'plan42-runner';
/** The Role of the chart, so that tests have exactly the rights of users. */
const chartRules = '../../../deploy/helm/plan42-runner/files/role-rules.yaml';
const day = 24 * 60 * 60;

/** Creates the namespace, the account, its Role and its token. */
export async function createRunnerAccount(options: Options): Promise<RunnerAccount> {
  const { admin, adminKubeconfig, folder, namespace } = options;
  const metadata = { name, namespace };
  const core = `/api/v1/namespaces/${namespace}`;
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const create = <T>(path: string, body: unknown) => admin.request<T>('POST', path, { body });
  await create('/api/v1/namespaces', { metadata: { name: namespace } });
  await create(`${core}/serviceaccounts`, { metadata });
  await create(`${rbac}/roles`, { metadata, rules: await readRules() });
  await create(`${rbac}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  const { status } = await create<{ status: { token: string } }>(`${core}/serviceaccounts/${name}/token`, {
    spec: { expirationSeconds: day },
  });
  const kubeconfig = join(folder, `${namespace}.conf`);
  const cluster = { server: admin.server, 'certificate-authority-data': await readAuthority(adminKubeconfig) };
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(cluster, namespace, status.token)), { mode: 0o600 });
  return { namespace, kubeconfig, api: await connect({ kubeconfig }, {}) };
}

async function readRules(): Promise<unknown> {
  return parseYaml(await readFile(new URL(chartRules, import.meta.url), 'utf8'));
}

async function readAuthority(adminKubeconfig: string): Promise<string> {
  const [, data = ''] = /certificate-authority-data: (\S+)/.exec(await readFile(adminKubeconfig, 'utf8')) ?? [];
  return data;
}

/** JSON is YAML. */
function kubeconfigOf(cluster: object, namespace: string, token: string) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  };
}
