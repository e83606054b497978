/** Creates the Job and the Secrets of an agent. Each step can be repeated: names are the same for every attempt. */
import { basename } from 'node:path';
import type { V1Job } from '@kubernetes/client-node';
import type { Config } from '../../config/schema.ts';
import { gatewayPort } from '../../gateway/pod/channel.ts';
import { proxyVariables } from '../../gateway/proxy-variables.ts';
import { systemClock } from '../../lib/clock.ts';
import { UserError } from '../../lib/errors.ts';
import { isNamedLocal } from '../../lib/image-reference.ts';
import { readBytes, readText } from '../../lib/read-file.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { readPodInitProgram } from '../../wall/wall.ts';
import { authorityVariables, type CaFile, writeAuthorities } from '../authorities.ts';
import { RuntimeError, type StartOptions } from '../runtime.ts';
import { valuesOf } from '../variables.ts';
import { refuseOwnAccount } from './agent-account.ts';
import { isNotFound, type KubeApi, KubeApiError } from './api/kube-api.ts';
import { create, throughOutage } from './create.ts';
import { readIntent, writeIntent, writeMarker } from './job-marker.ts';
import { buildJob, type JobContent, mountPath } from './manifest/job.ts';
import { jobAnnotation, objectName, secretName } from './manifest/names.ts';
import { buildSecrets, countSecrets, planSecrets } from './manifest/secrets.ts';
import { readStartProgram } from './manifest/start-program.ts';
import { pathOf } from './paths.ts';
import { applyTemplate, readTemplate } from './pod-template.ts';
import { checkWall, checkWallTemplate } from './walled/check-wall.ts';
import { prepareGatewayFiles } from './walled/gateway-files.ts';
import { raiseWall, removeRemains } from './walled/raise-wall.ts';
import type { RawJob } from './watch/objects.ts';

/** Arguments of the agent's entrypoint, as in other containers. */
const agentArguments = ['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'];

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
  const { manifest, secrets, wall } = await buildManifest(job, deps);
  const name = objectName(instanceId, job.jobId);
  const { maxLogBytes } = job;
  const intent = {
    namespace: api.namespace,
    name,
    secrets: secrets.data.length,
    maxLogBytes,
    ...(wall && { wall: true as const }),
  };
  await writeIntent(job, intent);
  let created = await createJob(api, manifest);
  if (wall !== undefined && created.isOld && created.job.spec?.suspend === true) {
    const old = Array.from({ length: countSecrets(created.job as unknown as V1Job) }, (_, part) =>
      secretName(name, part),
    );
    await removeRemains(api, name, old);
    created = await createJob(api, manifest);
  }
  const { uid } = created.job.metadata;
  // A Job that runs already has all of its parts.
  if (wall === undefined || !created.isOld) {
    const owned = buildSecrets({ name, instanceId, jobUid: uid }, secrets);
    await Promise.all(owned.map((secret) => create(api, 'secrets', secret)));
    if (wall !== undefined) await raiseWall(api, { ...wall, job: { name, uid } });
  }
  await writeMarker(job, { ...intent, uid, startedAtMs: systemClock.date().getTime() });
  return created.job;
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
  // It is resumed last.
  if (intent.wall && found.spec?.suspend === true) return false;
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
    // The agent of a Job that was resumed can have had them.
    if (isMissing && intent.wall !== true) return false;
  }
  const createdAt = Date.parse(creationTimestamp ?? '');
  const now = systemClock.date().getTime();
  await writeMarker(job, { ...intent, uid, startedAtMs: Number.isNaN(createdAt) ? now : Math.min(createdAt, now) });
  return true;
}

/** The Job with the template of the configuration, and what its Secrets contain. @throws UserError, RuntimeError */
export async function buildManifest(
  job: Omit<StartOptions, 'logFile' | 'maxLogBytes'>,
  { api, settings, instanceId, env, caFile }: StartDeps,
) {
  const name = objectName(instanceId, job.jobId);
  const architecture = settings.kubernetes.architecture ?? ownArchitecture();
  const { egress, broker } = job;
  const gateway = egress && { image: await checkWall(settings), ...(await prepareGatewayFiles(job, egress)) };
  const [startProgram, initProgram, request, files, template] = await Promise.all([
    requireProgram(readStartProgram, architecture),
    gateway && requireProgram(readPodInitProgram, architecture),
    readBytes(job.requestFile),
    readAuthorities(job, caFile),
    readTemplate(settings.kubernetes.podTemplate),
  ]);
  const values = Object.entries(valuesOf(settings.jobs.env, env));
  const variables = Object.fromEntries(values.map(([key, value]) => [key, broker?.hide(value) ?? value]));
  const wall = gateway && initProgram && { initProgram, token: gateway.token };
  const secrets = planSecrets(name, { startProgram, request, files, variables, wall });
  const authorities = Object.keys(files).length === 0 ? {} : authorityVariables(`${mountPath}/ca`);
  const content: JobContent = {
    jobId: job.jobId,
    name,
    image: job.image,
    pullPolicy: pullPolicyOf(job.image, settings.images.pullPolicy),
    args: [...agentArguments, ...(job.agentSwitches ?? [])],
    variables: { ...job.variables, ...authorities, ...(gateway && proxyVariables(gatewayPort)) },
    secrets,
    architecture,
    limits: job.limits,
    isWalled: gateway !== undefined,
  };
  const manifest = buildJob(content, { ...settings, instanceId });
  const openings = applyTemplate(manifest, template);
  const { spec } = manifest;
  await refuseOwnAccount(api, spec?.template ?? {});
  if (gateway === undefined || spec === undefined) return { manifest, secrets };
  checkWallTemplate(openings);
  return {
    manifest,
    secrets,
    wall: {
      files: gateway.files,
      instanceId,
      image: gateway.image,
      pullPolicy: pullPolicyOf(gateway.image, settings.images.pullPolicy),
      graceSeconds: spec.template.spec?.terminationGracePeriodSeconds ?? 30,
      serviceAccount: settings.kubernetes.serviceAccount,
      template: spec.template,
      startTimeoutMs: settings.kubernetes.startTimeoutMs,
      secrets: [...(broker?.values.values() ?? [])],
    },
  };
}

export function ownArchitecture(): 'amd64' | 'arm64' {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

async function requireProgram(
  read: (architecture: string) => Promise<Uint8Array | undefined>,
  architecture: 'amd64' | 'arm64',
): Promise<Uint8Array> {
  const program = await read(architecture === 'amd64' ? 'x64' : 'arm64');
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
  { folder: jobFolder, egress }: Pick<StartOptions, 'folder' | 'egress'>,
  caFile: CaFile | undefined,
): Promise<Record<string, string>> {
  const ofJob = egress?.broker?.authority;
  if (caFile === undefined && ofJob === undefined) return {};
  const folder = await writeAuthorities(jobFolder, { caFile, ofJob }, 'container');
  const names = ['additional.pem', 'bundle.pem'];
  const texts = await Promise.all(names.map((name) => readText(`${folder}/${name}`)));
  return Object.fromEntries(names.map((name, n) => [`ca/${basename(name)}`, texts[n] ?? '']));
}

/** `isOld`: an earlier start may have created it. */
async function createJob(api: KubeApi, manifest: V1Job): Promise<{ job: RawJob; isOld: boolean }> {
  const created = await create<RawJob>(api, 'jobs', manifest);
  if (created !== undefined) return { job: created, isOld: false };
  const name = manifest.metadata?.name ?? '';
  const found = await throughOutage(() => api.request<RawJob>('GET', pathOf(api, 'jobs', name)), 'read a Job in');
  const isOurs = found.metadata.annotations?.[jobAnnotation] === manifest.metadata?.annotations?.[jobAnnotation];
  // An earlier attempt to start it was interrupted.
  if (isOurs && found.metadata.deletionTimestamp === undefined) return { job: found, isOld: true };
  throw new RuntimeError(`the cluster already has a Job ${name}, which ${isOurs ? 'is being removed' : 'is not ours'}`);
}
