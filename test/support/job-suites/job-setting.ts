/** A control plane, a runner, and what runs its containers. */
import { lookup } from 'node:dns/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gatewayFolder } from '../../../src/gateway/policy.ts';
import { exists } from '../../../src/lib/files.ts';
import { startControlPlane, type TestControlPlane } from '../control-plane.ts';
import type { TestImages } from '../engines/images.ts';
import { type Env, run } from '../engines/processes.ts';
import { requires } from '../engines-client.ts';
import { eventually } from '../eventually.ts';
import type { Json } from '../json.ts';
import { type Cluster, requiresCluster } from '../kubernetes/cluster.ts';
import { enforcePolicies, filterCommands } from '../kubernetes/policy-filter.ts';
import { imageCommands, loadRunnerImage } from '../kubernetes/runner-image.ts';
import { killCompanion } from '../processes-of.ts';
import { requiresCommands } from '../requires-command.ts';
import { RunnerProcess } from '../runner-process.ts';
import { makeTempDir } from '../temp-dir.ts';

export type ContainerRuntime = 'podman' | 'docker' | 'kubernetes';

export interface JobSetting extends AsyncDisposable {
  plane: TestControlPlane;
  readonly runner: RunnerProcess;
  registry: string;
  images: TestImages;
  /** All that an administrator sees of the container of a job. */
  inspect: (jobId: string) => Promise<string>;
  /** The IDs of jobs that have containers, running or not, in a text. */
  list: () => Promise<string>;
  /** Kills the runner with SIGKILL, and starts another with its state. */
  restart: (whileDown?: () => Promise<void>) => Promise<void>;
  /** Runs `plan42 runner` with this command on the state of the runner. Returns its standard output. */
  command: (...args: string[]) => Promise<string>;
  /** Kills the gateway of a job behind a wall, which comes back. Returns whether there was one. */
  killGateway: (jobId: string) => Promise<boolean>;
  /** This machine, as gateways reach it. */
  machine: Machine;
  /** The record of a job that has finished. */
  finished: (jobId: string) => Promise<Json>;
}

interface Nothing extends AsyncDisposable {
  plane?: never;
}

interface Place extends AsyncDisposable {
  config: string;
  env: Env;
  inspect: JobSetting['inspect'];
  list: JobSetting['list'];
  killGateway: (folder: string, jobId: string) => Promise<boolean>;
  machine: Machine;
}

interface Machine {
  name: string;
  address: string;
}

interface PlaceOptions {
  /** Whether jobs can be behind a wall. */
  withWall?: boolean;
}

const nothing: Nothing = { [Symbol.asyncDispose]: async () => {} };
let namespaces = 0;

/** Skips the test, with nothing set up, if a prerequisite is missing. */
export async function setUpJobs(
  t: TestContext,
  name: ContainerRuntime,
  config: string | ((place: Pick<Place, 'machine'>) => string) = '',
  options: PlaceOptions = {},
): Promise<JobSetting | Nothing> {
  const engines = await requires(t, 'registry');
  const found = engines && (await (name === 'kubernetes' ? clusterPlace(t, options) : enginePlace(t, name)));
  if (!found) return nothing;
  await using undo = new AsyncDisposableStack();
  const place = undo.use(found);
  const plane = undo.use(await startControlPlane());
  const token = await plane.newToken();
  const text = typeof config === 'string' ? config : config(place);
  const given = { url: plane.server.url, token, runtime: name, config: text + place.config, env: place.env };
  let runner = await RunnerProcess.start(given);
  undo.defer(() => runner[Symbol.asyncDispose]());
  // It loads the client of a cluster first, which takes long on a busy machine.
  const untilReady = () => runner.logged(/runner ready/, 120_000);
  await untilReady();
  const { inspect, list, machine } = place;
  const { registry, images } = engines;
  const program = join(import.meta.dirname, '../../../bin/plan42');
  const { folder } = runner;
  const owned = undo.move();
  return {
    plane,
    get runner() {
      return runner;
    },
    registry,
    images,
    inspect,
    list,
    machine,
    killGateway: (jobId) => place.killGateway(join(folder, 'state/jobs/active', jobId), jobId),
    restart: async (whileDown) => {
      await runner.stop('SIGKILL');
      await whileDown?.();
      runner = await RunnerProcess.start({ ...given, folder });
      await untilReady();
    },
    command: (...args) => {
      const places = ['-c', join(folder, 'plan42-runner.toml'), '--state-dir', join(folder, 'state')];
      return run(program, ['runner', ...args, ...places], { env: place.env });
    },
    finished: async (jobId) =>
      eventually(async () => {
        const file = join(folder, 'state/jobs/finished', `${jobId}.json`);
        return (await exists(file)) && JSON.parse(await readFile(file, 'utf8'));
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * An image of the registry that no machine has, or has under this name as another one was. Undefined, and the test is skipped,
 * without a registry.
 */
export async function pushCopy(
  t: TestContext,
  tag: string,
  of: keyof TestImages = 'agent',
): Promise<string | undefined> {
  const engines = await requires(t, 'registry');
  if (!engines) return undefined;
  const [, source = '', from = ''] = /^[^/]+\/(.+):([^:]+)$/.exec(engines.images[of]) ?? [];
  const [, repository = ''] = /^[^/]+\/(.+):[^:]+$/.exec(engines.images.agent) ?? [];
  const manifestsOf = (name: string) => `http://${engines.registry}/v2/${name}/manifests`;
  const accept = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
  const found = await fetch(`${manifestsOf(source)}/${from}`, { headers: { accept: accept.join(', ') } });
  const type = found.headers.get('content-type') ?? '';
  const body = await found.bytes();
  if (source !== repository)
    await mountBlobs(JSON.parse(Buffer.from(body).toString()), engines.registry, { source, repository });
  const pushed = await fetch(`${manifestsOf(repository)}/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body,
  });
  if (!pushed.ok) throw new Error(`the registry rejected ${tag}: ${pushed.status} ${await pushed.text()}`);
  return `${engines.registry}/${repository}:${tag}`;
}

interface Manifest {
  config: { digest: string };
  layers: { digest: string }[];
}

/** Lets a repository of the registry have the parts of an image in another one. */
async function mountBlobs(
  { config, layers }: Manifest,
  registry: string,
  { source, repository }: { source: string; repository: string },
): Promise<void> {
  for (const { digest } of [config, ...layers]) {
    const query = new URLSearchParams({ mount: digest, from: source });
    const mounted = await fetch(`http://${registry}/v2/${repository}/blobs/uploads/?${query}`, { method: 'POST' });
    if (mounted.status !== 201) throw new Error(`the registry did not mount ${digest}: ${mounted.status}`);
  }
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
    killGateway: (folder) => killCompanion(join(folder, gatewayFolder)),
    machine: { name: hostname().toLowerCase(), address: (await lookup(hostname(), { family: 4 })).address },
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Items {
  items: { metadata: { name: string; annotations?: Record<string, string> } }[];
}

const machineName = 'machine.test';
let gatewayImage: Promise<string> | undefined;

async function loadGatewayImage(cluster: Cluster): Promise<string> {
  const { repository, tag } = await loadRunnerImage(cluster);
  return `${repository}:${tag}`;
}

async function clusterPlace(t: TestContext, { withWall = false }: PlaceOptions): Promise<Place | undefined> {
  if (withWall && !(await requiresCommands(t, ...filterCommands, ...imageCommands))) return undefined;
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  await using undo = new AsyncDisposableStack();
  const { namespace, kubeconfig } = await cluster.createRunnerAccount(`parity-${++namespaces}`);
  const folder = undo.use(await makeTempDir());
  if (withWall) {
    gatewayImage ??= loadGatewayImage(cluster);
    undo.use(enforcePolicies(cluster.admin, namespace));
  }
  const helper = withWall ? `helper_image = "${await gatewayImage}"\n` : '';
  const template = join(folder.path, 'pod.yaml');
  // The one node has less than the limits of a job.
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const hostAliases = [{ ip: cluster.host, hostnames: [machineName] }];
  await writeFile(template, JSON.stringify({ spec: { hostAliases, containers: [{ name: 'agent', resources }] } }));
  const jobs = () => cluster.admin.request<Items>('GET', `/apis/batch/v1/namespaces/${namespace}/jobs`);
  const pods = () => cluster.admin.request<Items>('GET', `/api/v1/namespaces/${namespace}/pods`);
  const idOf = ({ metadata }: Items['items'][number]) => metadata.annotations?.['plan42.ai/job-id'] ?? '';
  const owned = undo.move();
  return {
    config: `\n[kubernetes]\nkubeconfig = "${kubeconfig}"\npod_template = "${template}"\n${helper}`,
    env: {},
    inspect: async (jobId) => {
      const all = [...(await jobs()).items, ...(await pods()).items];
      return JSON.stringify(all.filter((item) => idOf(item) === jobId));
    },
    list: async () => (await jobs()).items.map(idOf).join('\n'),
    killGateway: async (_, jobId) => {
      const job = (await jobs()).items.find((item) => idOf(item) === jobId);
      const name = `${job?.metadata.name}-gateway`;
      if (!(await pods()).items.some(({ metadata }) => metadata.name === name)) return false;
      await cluster.kill(namespace, name, 'gateway');
      return true;
    },
    machine: { name: machineName, address: cluster.host },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
