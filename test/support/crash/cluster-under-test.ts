/** The cluster in which the agents of a killed runner run, with a proxy on the runner's way to its API server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { agentImage, loadAgentImages } from '../kubernetes/agent-image.ts';
import { type Cluster, requiresCluster } from '../kubernetes/cluster.ts';
import { OutageProxy } from '../kubernetes/outage-proxy.ts';
import { makeTempDir } from '../temp-dir.ts';

export interface ClusterUnderTest extends AsyncDisposable {
  cluster: Cluster;
  proxy: OutageProxy;
  image: string;
  /** Lines of the configuration, within the table `jobs` and after it. */
  config: string;
  addressOf: (port: number) => Promise<string>;
  killAgent: (jobId: string) => Promise<void>;
  /** IDs of the jobs of all Jobs and Secrets that are left. */
  listJobs: () => Promise<string[]>;
}

interface List {
  items: { metadata: { name: string; annotations?: Record<string, string>; ownerReferences?: { name: string }[] } }[];
}

let namespaces = 0;

/** Undefined, and the test is skipped, if this machine cannot have a cluster. */
export async function requireClusterUnderTest(t: TestContext): Promise<ClusterUnderTest | undefined> {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  await loadAgentImages(cluster);
  await using undo = new AsyncDisposableStack();
  const { namespace, kubeconfig: direct } = await cluster.createRunnerAccount(`killed-${++namespaces}`);
  const proxy = undo.use(await OutageProxy.start(direct));
  const folder = undo.use(await makeTempDir());
  const kubeconfig = join(folder.path, 'kubeconfig');
  await writeFile(kubeconfig, proxy.kubeconfig, { mode: 0o600 });
  const list = (group: string, resource: string) =>
    cluster.admin.request<List>('GET', `${group}/namespaces/${namespace}/${resource}`);
  const jobIdsOf = ({ items }: List) =>
    items.flatMap(({ metadata }) => metadata.annotations?.['plan42.ai/job-id'] ?? []);
  const owned = undo.move();
  return {
    cluster,
    proxy,
    image: agentImage,
    config: `cpus = 0.1\nmemory_gib = 0.0625\nstop_timeout = "2s"\n[kubernetes]\nkubeconfig = "${kubeconfig}"`,
    addressOf: cluster.expose,
    killAgent: async (jobId) => {
      const { items } = await list('/api/v1', 'pods');
      const pod = items.find(({ metadata }) => metadata.annotations?.['plan42.ai/job-id'] === jobId);
      await cluster.kill(namespace, pod?.metadata.name ?? '');
    },
    listJobs: async () => jobIdsOf(await list('/apis/batch/v1', 'jobs')),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
