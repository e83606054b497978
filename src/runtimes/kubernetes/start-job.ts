/** Creates the Job and the Secrets of an agent. Each step can be repeated: names are the same for every attempt. */
import { basename } from 'node:path';
import type { V1Job } from '@kubernetes/client-node';
import type { Config } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatError, UserError } from '../../lib/errors.ts';
import { isNamedLocal } from '../../lib/image-reference.ts';
import { readBytes, readText } from '../../lib/read-file.ts';
import { retry } from '../../lib/retry.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { authorityVariables, type CaFile, writeAuthorities } from '../authorities.ts';
import { RuntimeError, type StartOptions } from '../runtime.ts';
import { valuesOf } from '../variables.ts';
import { isNotFound, type KubeApi, KubeApiError } from './api/kube-api.ts';
import { parseYaml } from './api/kubeconfig.ts';
import { readIntent, writeIntent, writeMarker } from './job-marker.ts';
import { buildJob, type JobContent, mountPath } from './manifest/job.ts';
import { mergeTemplate } from './manifest/merge-template.ts';
import { jobAnnotation, objectName } from './manifest/names.ts';
import { buildSecrets, planSecrets } from './manifest/secrets.ts';
import { readStartProgram } from './manifest/start-program.ts';
import { pathOf } from './paths.ts';
import type { RawJob } from './watch/objects.ts';

/** Arguments of the agent's entrypoint, as in other containers. */
const agentArguments = ['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'];

/** How long a start is repeated while the API server does not respond. */
const maxOutageMs = 120_000;
const backoff = { minMs: 100, maxMs: 5000 };

export interface StartDeps {
  api: KubeApi;
  settings: Pick<Config, 'jobs' | 'kubernetes' | 'images'>;
  instanceId: string;
  env: NodeJS.ProcessEnv;
  caFile: CaFile | undefined;
}

/** Returns the Job. @throws UserError, RuntimeError */
export async function startJob(job: StartOptions, deps: StartDeps): Promise<RawJob> {
  const { api, instanceId } = deps;
  const { manifest, secrets } = await buildManifest(job, deps);
  const name = objectName(instanceId, job.jobId);
  const { maxLogBytes } = job;
  const intent = { namespace: api.namespace, name, secrets: secrets.data.length, maxLogBytes };
  await writeIntent(job, intent);
  const created = await createJob(api, manifest);
  const { uid } = created.metadata;
  const owned = buildSecrets({ name, instanceId, jobUid: uid }, secrets);
  await Promise.all(owned.map((secret) => create(api, 'secrets', secret)));
  await writeMarker(job, { ...intent, uid, startedAtMs: systemClock.date().getTime() });
  return created;
}

/**
 * Whether a start that was interrupted had created everything, so that the agent runs or has run; then the start is completed.
 * Secrets cannot be read, but the API server reports whether it would create one.
 * @throws an error of the API server
 */
export async function completeStart(job: JobPaths, { api, instanceId }: Pick<StartDeps, 'api' | 'instanceId'>) {
  const intent = await readIntent(job);
  if (intent === undefined) return false;
  const { name } = intent;
  const found = await api.request<RawJob>('GET', pathOf(api, 'jobs', name)).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (found === undefined || found.metadata.annotations?.[jobAnnotation] !== job.jobId) return false;
  const { uid, creationTimestamp } = found.metadata;
  const empty = { data: Array.from({ length: intent.secrets }, () => ({})), sources: [], variables: [] };
  for (const secret of buildSecrets({ name, instanceId, jobUid: uid }, empty)) {
    const isMissing = await api
      .request('POST', pathOf(api, 'secrets'), { body: secret, query: { dryRun: 'All' } })
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof KubeApiError && error.reason === 'AlreadyExists') return false;
          throw error;
        },
      );
    if (isMissing) return false;
  }
  const createdAt = Date.parse(creationTimestamp ?? '');
  const now = systemClock.date().getTime();
  await writeMarker(job, { ...intent, uid, startedAtMs: Number.isNaN(createdAt) ? now : Math.min(createdAt, now) });
  return true;
}

/** The Job with the template of the configuration, and what its Secrets contain. @throws UserError */
export async function buildManifest(
  job: Omit<StartOptions, 'logFile' | 'maxLogBytes'>,
  { settings, instanceId, env, caFile }: StartDeps,
) {
  const name = objectName(instanceId, job.jobId);
  const architecture = settings.kubernetes.architecture ?? ownArchitecture();
  const [startProgram, request, files, template] = await Promise.all([
    requireStartProgram(architecture),
    readBytes(job.requestFile),
    readAuthorities(job, caFile),
    readTemplate(settings.kubernetes.podTemplate),
  ]);
  const secrets = planSecrets(name, { startProgram, request, files, variables: valuesOf(settings.jobs.env, env) });
  const authorities = caFile === undefined ? {} : authorityVariables(`${mountPath}/ca`);
  const content: JobContent = {
    jobId: job.jobId,
    name,
    image: job.image,
    pullPolicy: pullPolicyOf(job.image, settings.images.pullPolicy),
    args: [...agentArguments, ...(job.agentSwitches ?? [])],
    variables: { ...job.variables, ...authorities },
    secrets,
    architecture,
    limits: job.limits,
  };
  const manifest = buildJob(content, { ...settings, instanceId });
  if (template === undefined || manifest.spec === undefined) return { manifest, secrets };
  const merged = mergeTemplate(manifest.spec.template, template.content, template.file);
  manifest.spec.template = merged;
  return { manifest, secrets };
}

function ownArchitecture(): 'amd64' | 'arm64' {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

async function requireStartProgram(architecture: 'amd64' | 'arm64'): Promise<Uint8Array> {
  const program = await readStartProgram(architecture === 'amd64' ? 'x64' : 'arm64');
  if (program !== undefined) return program;
  throw new UserError(`this build cannot start agents on nodes of the architecture ${architecture}`, {
    remedy: 'Install a release package, or set kubernetes.architecture.',
  });
}

/** The kubelet pulls. An image of no registry must be on the node already. */
function pullPolicyOf(image: string, policy: Config['images']['pullPolicy']): JobContent['pullPolicy'] {
  if (policy === 'never') return 'Never';
  return policy === 'always' && !isNamedLocal(image) ? 'Always' : 'IfNotPresent';
}

async function readAuthorities(
  job: Pick<StartOptions, 'folder'>,
  caFile: CaFile | undefined,
): Promise<Record<string, string>> {
  if (caFile === undefined) return {};
  const folder = await writeAuthorities(job.folder, { caFile }, 'container');
  const names = ['additional.pem', 'bundle.pem'];
  const texts = await Promise.all(names.map((name) => readText(`${folder}/${name}`)));
  return Object.fromEntries(names.map((name, n) => [`ca/${basename(name)}`, texts[n] ?? '']));
}

/** @throws UserError */
export async function readTemplate(file: string | undefined): Promise<{ file: string; content: unknown } | undefined> {
  if (file === undefined) return undefined;
  try {
    return { file, content: await parseYaml(await readText(file)) };
  } catch (error) {
    throw new UserError(`cannot read kubernetes.pod_template ${file}: ${formatError(error)}`, {
      remedy: 'Correct the file, or kubernetes.pod_template.',
    });
  }
}

async function createJob(api: KubeApi, manifest: V1Job): Promise<RawJob> {
  const created = await create<RawJob>(api, 'jobs', manifest);
  if (created !== undefined) return created;
  const name = manifest.metadata?.name ?? '';
  const found = await throughOutage(() => api.request<RawJob>('GET', pathOf(api, 'jobs', name)), 'read a Job in');
  const isOurs = found.metadata.annotations?.[jobAnnotation] === manifest.metadata?.annotations?.[jobAnnotation];
  // An earlier attempt to start it was interrupted.
  if (isOurs && found.metadata.deletionTimestamp === undefined) return found;
  throw new RuntimeError(`the cluster already has a Job ${name}, which ${isOurs ? 'is being removed' : 'is not ours'}`);
}

/** Undefined if the object exists. @throws RuntimeError */
async function create<T>(api: KubeApi, resource: 'jobs' | 'secrets', body: object): Promise<T | undefined> {
  const post = async () => {
    try {
      return await api.request<T>('POST', pathOf(api, resource), { body });
    } catch (error) {
      if (error instanceof KubeApiError && error.reason === 'AlreadyExists') return undefined;
      throw error;
    }
  };
  return throughOutage(post, `create ${resource} in`);
}

/** Repeats a request until the API server responds. @throws RuntimeError */
async function throughOutage<T>(request: () => Promise<T>, what: string): Promise<T> {
  const deadline = systemClock.now() + maxOutageMs;
  try {
    return await retry(request, { backoff, deadline, shouldRetry: isTransient });
  } catch (error) {
    throw new RuntimeError(`cannot ${what} the cluster: ${formatError(error)}`, { cause: error });
  }
}

/** Errors of the network too: whether the request was carried out shows with the next one. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof KubeApiError) || error.status === 429 || error.status >= 500;
}
