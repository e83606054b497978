/** Makes a broken start in a cluster and reads the objects that it leaves. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isNotFound, type KubeApi, KubeApiError } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import type { BrokenStart } from './broken-starts.ts';

export interface Recorded {
  job: Record<string, unknown>;
  pods: Record<string, unknown>[];
  events: Record<string, unknown>[];
  /** Whether the pod was removed after its recorded state. */
  podIsGone: boolean;
}

const timeoutMs = 120_000;

/** A registry without images: it denies those whose name begins with "private". */
export async function startEmptyRegistry(): Promise<AsyncDisposable & { host: string }> {
  const server = createServer((request, response) => {
    const isPrivate = request.url?.startsWith('/v2/private') === true;
    const code = isPrivate ? 'DENIED' : 'MANIFEST_UNKNOWN';
    const message = isPrivate ? 'requested access to the resource is denied' : 'manifest unknown';
    response.writeHead(isPrivate ? 403 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code, message }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Creates the namespace and the Job, and waits for what the case describes. Removes the namespace in the end. */
export async function makeBrokenStart(api: KubeApi, broken: BrokenStart, registry: string): Promise<Recorded> {
  const namespace = `broken-${broken.name}-${randomBytes(3).toString('hex')}`;
  await createNamespace(api, namespace, broken);
  const base = (path: string) => path.replace('*', `namespaces/${namespace}`);
  for (const { path, object } of broken.before ?? []) await api.request('POST', base(path), { body: object });
  await api.request('POST', base('/apis/batch/v1/*/jobs'), { body: jobOf(broken, registry) });
  try {
    return await waitForFailure(api, broken, base);
  } finally {
    await api.request('DELETE', `/api/v1/namespaces/${namespace}`).catch(() => {});
  }
}

async function createNamespace(api: KubeApi, name: string, { namespaceLabels = {} }: BrokenStart): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: namespaceLabels } };
  await api.request('POST', '/api/v1/namespaces', { body });
  // Pods need the service account "default", which a controller creates.
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(50)) {
    try {
      await api.request('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`);
      return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function jobOf(broken: BrokenStart, registry: string) {
  const container = {
    name: 'agent',
    image: 'localhost/pause:1',
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/busybox', 'true'],
    resources: { limits: { memory: '64Mi' }, requests: { memory: '16Mi' } },
    ...broken.container?.(registry),
  };
  const spec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    dnsPolicy: 'Default',
    containers: [container],
    ...broken.pod?.(registry),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'plan42-broken' },
    spec: { backoffLimit: 0, podReplacementPolicy: 'Failed', ...broken.job, template: { spec } },
  };
}

async function waitForFailure(api: KubeApi, broken: BrokenStart, base: (path: string) => string): Promise<Recorded> {
  let isDisturbed = false;
  let last: Recorded | undefined;
  let lastPods: Recorded['pods'] = [];
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(100)) {
    const [job, { items: pods }, { items: events }] = await Promise.all([
      api.request<Recorded['job']>('GET', base('/apis/batch/v1/*/jobs/plan42-broken')),
      api.request<{ items: Recorded['pods'] }>('GET', base('/api/v1/*/pods'), {
        query: { labelSelector: 'batch.kubernetes.io/job-name' },
      }),
      api.request<{ items: Recorded['events'] }>('GET', base('/api/v1/*/events')),
    ]);
    // A drained pod is removed soon after: the runner keeps its last state.
    if (pods.length > 0) lastPods = pods;
    last = { job, pods: lastPods, events, podIsGone: lastPods.length > 0 && pods.length === 0 };
    const text = JSON.stringify(last);
    if (broken.until.test(text)) return last;
    const { metadata } = pods[0] ?? {};
    if (
      metadata === undefined ||
      broken.whenRunning === undefined ||
      isDisturbed ||
      !text.includes('"phase":"Running"')
    )
      continue;
    isDisturbed = true;
    const { name } = metadata as { name: string };
    await disturb(api, broken.whenRunning, base, name);
  }
  throw new Error(`${broken.name}: the cluster never reported the failure: ${JSON.stringify(last)}`);
}

const testTaint = { key: 'plan42.ai/test', effect: 'NoExecute' };

async function disturb(
  api: KubeApi,
  how: NonNullable<BrokenStart['whenRunning']>,
  base: (path: string) => string,
  name: string,
): Promise<void> {
  if (how === 'evict') {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
    await api.request('POST', base(`/api/v1/*/pods/${name}/eviction`), { body });
  } else if (how === 'taint') {
    await taintNodes(api, [testTaint]);
  } else {
    await createPriorityClass(api);
    const resources = { requests: { cpu: '1500m' } };
    const containers = [{ name: 'other', image: 'localhost/pause:1', resources }];
    const spec = { priorityClassName, containers, terminationGracePeriodSeconds: 0 };
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'important' }, spec };
    await api.request('POST', base('/api/v1/*/pods'), { body });
  }
}

/** Sets the taints of all nodes. */
export async function taintNodes(api: KubeApi, taints: readonly object[]): Promise<void> {
  const { items } = await api.request<{ items: { metadata: { name: string } }[] }>('GET', '/api/v1/nodes');
  for (const { metadata } of items)
    await api.request('PATCH', `/api/v1/nodes/${metadata.name}`, { body: { spec: { taints } } });
}

const priorityClassName = 'plan42-test-important';

async function createPriorityClass(api: KubeApi): Promise<void> {
  const metadata = { name: priorityClassName };
  const body = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata, value: 1000 };
  await api.request('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { body }).catch((error: unknown) => {
    if (!(error instanceof KubeApiError && error.reason === 'AlreadyExists')) throw error;
  });
}
