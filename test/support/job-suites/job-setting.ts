/** A control plane, a runner, and what runs its containers. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../control-plane.ts';
import type { TestImages } from '../engines/images.ts';
import { type Env, run } from '../engines/processes.ts';
import { requires } from '../engines-client.ts';
import { requiresCluster } from '../kubernetes/cluster.ts';
import { RunnerProcess } from '../runner-process.ts';
import { makeTempDir } from '../temp-dir.ts';

export type ContainerRuntime = 'podman' | 'docker' | 'kubernetes';

export interface JobSetting extends AsyncDisposable {
  plane: TestControlPlane;
  runner: RunnerProcess;
  registry: string;
  images: TestImages;
  /** All that an administrator sees of the container of a job. */
  inspect: (jobId: string) => Promise<string>;
  /** The IDs of jobs that have containers, running or not, in a text. */
  list: () => Promise<string>;
}

interface Nothing extends AsyncDisposable {
  plane?: never;
}

interface Place extends AsyncDisposable {
  config: string;
  env: Env;
  inspect: JobSetting['inspect'];
  list: JobSetting['list'];
}

const nothing: Nothing = { [Symbol.asyncDispose]: async () => {} };
let namespaces = 0;

/** Skips the test, with nothing set up, if a prerequisite is missing. */
export async function setUpJobs(t: TestContext, name: ContainerRuntime, config = ''): Promise<JobSetting | Nothing> {
  const engines = await requires(t, 'registry');
  const found = engines && (await (name === 'kubernetes' ? clusterPlace(t) : enginePlace(t, name)));
  if (!found) return nothing;
  await using undo = new AsyncDisposableStack();
  const place = undo.use(found);
  const plane = undo.use(await startControlPlane());
  const token = await plane.newToken();
  const options = { url: plane.server.url, token, runtime: name, config: config + place.config, env: place.env };
  const runner = undo.use(await RunnerProcess.start(options));
  // It loads the client of a cluster first, which takes long on a busy machine.
  await runner.logged(/runner ready/, 120_000);
  const { inspect, list } = place;
  const { registry, images } = engines;
  const owned = undo.move();
  return { plane, runner, registry, images, inspect, list, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** An image of the registry that no machine has. Undefined, and the test is skipped, without a registry. */
export async function pushCopy(t: TestContext, tag: string): Promise<string | undefined> {
  const engines = await requires(t, 'registry');
  if (!engines) return undefined;
  const [, repository = '', from = ''] = /^[^/]+\/(.+):([^:]+)$/.exec(engines.images.agent) ?? [];
  const manifests = `http://${engines.registry}/v2/${repository}/manifests`;
  const accept = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
  const found = await fetch(`${manifests}/${from}`, { headers: { accept: accept.join(', ') } });
  const type = found.headers.get('content-type') ?? '';
  const pushed = await fetch(`${manifests}/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body: await found.bytes(),
  });
  if (!pushed.ok) throw new Error(`the registry rejected ${tag}: ${pushed.status} ${await pushed.text()}`);
  return `${engines.registry}/${repository}:${tag}`;
}

async function enginePlace(t: TestContext, name: 'podman' | 'docker'): Promise<Place | undefined> {
  const engines = await requires(t, name);
  if (!engines) return undefined;
  const { env } = engines[name];
  const engine = (...args: string[]) => run(name, args, { env });
  return {
    config: '',
    env,
    inspect: (jobId) => engine('inspect', jobId),
    list: () => engine('ps', '--all', '--format', '{{.Names}}'),
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Items {
  items: { metadata: { annotations?: Record<string, string> } }[];
}

async function clusterPlace(t: TestContext): Promise<Place | undefined> {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  const { namespace, kubeconfig } = await cluster.createRunnerAccount(`parity-${++namespaces}`);
  const folder = await makeTempDir();
  const template = join(folder.path, 'pod.yaml');
  // The one node has less than the limits of a job.
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  await writeFile(template, JSON.stringify({ spec: { containers: [{ name: 'agent', resources }] } }));
  const jobs = () => cluster.admin.request<Items>('GET', `/apis/batch/v1/namespaces/${namespace}/jobs`);
  const idOf = ({ metadata }: Items['items'][number]) => metadata.annotations?.['plan42.ai/job-id'] ?? '';
  return {
    config: `\n[kubernetes]\nkubeconfig = "${kubeconfig}"\npod_template = "${template}"\n`,
    env: {},
    inspect: async (jobId) => {
      const { items: pods } = await cluster.admin.request<Items>('GET', `/api/v1/namespaces/${namespace}/pods`);
      return JSON.stringify([...(await jobs()).items, ...pods].filter((item) => idOf(item) === jobId));
    },
    list: async () => (await jobs()).items.map(idOf).join('\n'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
