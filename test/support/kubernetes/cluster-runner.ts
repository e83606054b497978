/** A real control plane and a real runner, whose jobs are in a real cluster, with the rights of the chart's Role. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timing } from '../../../src/server/core/timing.ts';
import { startControlPlane, type TestControlPlane } from '../control-plane.ts';
import { RunnerProcess } from '../runner-process.ts';
import { makeTempDir } from '../temp-dir.ts';
import { loadAgentImages } from './agent-image.ts';
import type { Cluster } from './cluster.ts';

export const patienceMs = 150_000;

export interface ClusterRunner extends AsyncDisposable {
  cluster: Cluster;
  /** The namespace of its jobs, which has nothing else. */
  namespace: string;
  /** A kubeconfig with its rights. */
  kubeconfig: string;
  plane: TestControlPlane;
  /** The process that was started last. */
  readonly runner: RunnerProcess;
  /** Starts it again after its end, with its state, and with its configuration after `edit`. */
  startAgain: (edit?: (config: string) => string) => Promise<void>;
  /** The names of everything that jobs leave in the cluster. */
  left: () => Promise<string[]>;
}

export interface ClusterRunnerOptions {
  /** The name of the namespace, to which a number is added. */
  name: string;
  /** More lines of [jobs]. */
  jobs?: string;
  /** More lines of [kubernetes]. */
  kubernetes?: string;
  /** More tables. */
  tables?: string;
  /** A PodTemplateSpec, merged over the pods of jobs. */
  podTemplate?: object;
  /** A line of its log that shows that the runner has started. By default, it is ready then. */
  started?: RegExp;
  /** The times of the control plane. */
  timing?: Partial<Timing>;
}

let namespaces = 0;

export async function startClusterRunner(cluster: Cluster, options: ClusterRunnerOptions): Promise<ClusterRunner> {
  await loadAgentImages(cluster);
  const { namespace, kubeconfig } = await cluster.createRunnerAccount(`${options.name}-${++namespaces}`);
  await using undo = new AsyncDisposableStack();
  const plane = undo.use(await startControlPlane(options.timing && { timing: options.timing }));
  const dir = undo.use(await makeTempDir());
  const kubernetes = [`kubeconfig = "${kubeconfig}"`];
  if (options.podTemplate) {
    const file = join(dir.path, 'pod.json');
    await writeFile(file, JSON.stringify(options.podTemplate));
    kubernetes.push(`pod_template = "${file}"`);
  }
  const config = [
    `[jobs]\nmemory_gib = 0.0625\ncpus = 0.1\nstop_timeout = "2s"\n${options.jobs ?? ''}`,
    `[kubernetes]\n${kubernetes.join('\n')}\n${options.kubernetes ?? ''}`,
    `${options.tables ?? ''}\n`,
  ].join('\n');
  const given = { url: plane.server.url, token: await plane.newToken(), runtime: 'kubernetes' as const, config };
  let runner = await RunnerProcess.start(given);
  undo.defer(() => runner[Symbol.asyncDispose]());
  // It loads the client of the cluster first, which takes long on a busy machine.
  const untilReady = () => runner.logged(options.started ?? /runner ready/, patienceMs);
  await untilReady();
  const owned = undo.move();
  return {
    cluster,
    namespace,
    kubeconfig,
    plane,
    get runner() {
      return runner;
    },
    startAgain: async (edit = (text) => text) => {
      runner = await RunnerProcess.start({ ...given, folder: runner.folder, config: edit(config) });
      await untilReady();
    },
    left: () => namesLeft(cluster, namespace),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function namesLeft({ admin }: Cluster, namespace: string): Promise<string[]> {
  const lists = [
    `/apis/batch/v1/namespaces/${namespace}/jobs`,
    `/api/v1/namespaces/${namespace}/pods`,
    `/api/v1/namespaces/${namespace}/secrets`,
    `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
  ];
  const found = await Promise.all(
    lists.map((path) => admin.request<{ items: { metadata: { name: string } }[] }>('GET', path)),
  );
  return found.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
}
