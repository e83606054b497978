/** Replicas of one runner in front of a real server and a real cluster, each behind proxies of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../control-plane.ts';
import { FaultProxy } from '../fault-proxy.ts';
import { RunnerProcess } from '../runner-process.ts';
import { agentImage, loadAgentImages } from './agent-image.ts';
import { type Cluster, requiresCluster } from './cluster.ts';
import { OutageProxy } from './outage-proxy.ts';

export const patienceMs = 180_000;

let namespaces = 0;

export interface Replica {
  readonly runner: RunnerProcess;
  /** On the way to the server. */
  toServer: FaultProxy;
  /** On the way to the cluster. */
  toCluster: OutageProxy;
  /** Starts it again after its end, with its disk or an empty one. */
  restart: (disk: 'kept' | 'empty') => Promise<void>;
}

export interface ReplicasSetting extends AsyncDisposable {
  plane: TestControlPlane;
  cluster: Cluster;
  namespace: string;
  replicas: readonly [Replica, Replica];
  newEnvironment: () => Promise<string>;
  /** The final statuses of a task that the server accepted, by the number of the replica that sent them. */
  finalReports: (taskId: string) => number[];
  /** The numbers of the replicas that sent a final status of the task. Without a current version, the first one is refused. */
  reporters: (taskId: string) => ReadonlySet<number>;
  /** The names of what the instance has in the cluster. */
  leftInCluster: () => Promise<string[]>;
}

export interface ReplicasOptions {
  maxJobs?: number;
  /** More lines of [kubernetes]. */
  kubernetes?: string;
  /** More tables. */
  tables?: string;
}

/** Undefined, and the test is skipped, if this machine cannot have a cluster. */
export async function startReplicas(
  t: TestContext,
  { maxJobs = 4, kubernetes = '', tables = '' }: ReplicasOptions = {},
): Promise<ReplicasSetting | undefined> {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  await loadAgentImages(cluster);
  await using undo = new AsyncDisposableStack();
  const account = await cluster.createRunnerAccount(`replicas-${++namespaces}`);
  const plane = undo.use(await startControlPlane());
  const folder = await mkdtemp(join(tmpdir(), 'plan42-replicas-'));
  undo.defer(() => rm(folder, { recursive: true }));
  const shared = { instanceId: randomUUID(), stateKey: randomUUID() };

  const startReplica = async (n: number): Promise<Replica> => {
    const toServer = undo.use(await FaultProxy.start(() => plane.server.url));
    const toCluster = undo.use(await OutageProxy.start(account.kubeconfig));
    const kubeconfig = join(folder, `${n}.conf`);
    await writeFile(kubeconfig, toCluster.kubeconfig, { mode: 0o600 });
    const config = [
      `instance_id = "${shared.instanceId}"`,
      `[jobs]\nmemory_gib = 0.0625\ncpus = 0.1\nstop_timeout = "2s"\nmax_jobs = ${maxJobs}`,
      `[kubernetes]\nkubeconfig = "${kubeconfig}"\nstate_key = "${shared.stateKey}"\nstart_timeout = "90s"\n${kubernetes}`,
      `${tables}\n`,
    ].join('\n');
    const options = { url: toServer.url, token: await plane.newToken(), runtime: 'kubernetes' as const, config };
    let runner = await RunnerProcess.start(options);
    undo.defer(() => runner[Symbol.asyncDispose]());
    // One after the other, because a start takes long on a busy machine.
    await runner.logged(/runner ready/, patienceMs);
    return {
      toServer,
      toCluster,
      get runner() {
        return runner;
      },
      restart: async (disk) => {
        const { folder: before } = runner;
        if (disk === 'empty') await rm(before, { recursive: true });
        runner = await RunnerProcess.start(disk === 'empty' ? options : { ...options, folder: before });
      },
    };
  };
  const replicas = [await startReplica(0), await startReplica(1)] as const;
  const finalCalls = (taskId: string) =>
    replicas.flatMap(({ toServer }, n) =>
      toServer
        .callsOf('turn')
        .filter(({ turn }) => turn?.taskId === taskId && turn.Status === 'Failed')
        .map((call) => ({ n, call })),
    );
  const owned = undo.move();
  return {
    plane,
    cluster,
    namespace: account.namespace,
    replicas,
    newEnvironment: () => plane.newEnvironment({ DockerImage: agentImage }),
    finalReports: (taskId) => finalCalls(taskId).flatMap(({ n, call }) => (call.serverStatus === 200 ? [n] : [])),
    reporters: (taskId) => new Set(finalCalls(taskId).map(({ n }) => n)),
    leftInCluster: async () => {
      const lists = [
        `/apis/batch/v1/namespaces/${account.namespace}/jobs`,
        `/api/v1/namespaces/${account.namespace}/pods`,
        `/api/v1/namespaces/${account.namespace}/secrets`,
        `/apis/coordination.k8s.io/v1/namespaces/${account.namespace}/leases`,
      ];
      const found = await Promise.all(
        lists.map((path) => cluster.admin.request<{ items: { metadata: { name: string } }[] }>('GET', path)),
      );
      const names = found.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
      return names.filter((name) => !name.startsWith('plan42-replica-'));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Commands of the test agent: a line each 100 ms. It exits with 4. */
export function lines(count: number): string {
  return `n=0; while [ $n -lt ${count} ]; do echo line $n; n=$((n+1)); sleep 0.1; done; exit 4`;
}

export function expectedLines(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `line ${n}`);
}
