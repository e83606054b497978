/** Runs jobs as Jobs of a Kubernetes cluster. */
import { missingForReplicas } from '../../config/runtime-settings.ts';
import type { Config } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatError, UserError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { orAborted } from '../../lib/or-aborted.ts';
import { retry } from '../../lib/retry.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { lowerWall } from '../../wall/wall.ts';
import type { CaFile } from '../authorities.ts';
import {
  type AgentAddress,
  type JobExit,
  type Readiness,
  type Runtime,
  RuntimeError,
  type StartOptions,
} from '../runtime.ts';
import { valuesOf } from '../variables.ts';
import { connect } from './api/connect.ts';
import type { KubeApi } from './api/kube-api.ts';
import { checkCluster, replicaRights, wallRights } from './check-ready.ts';
import { isTransient } from './create.ts';
import { deleteJob } from './delete-job.ts';
import { tryDryRun } from './dry-run.ts';
import { endAgent } from './end-agent.ts';
import type { Removed } from './explain/objects.ts';
import { findWarnings } from './find-warnings.ts';
import { readIntent, readKill, readMarker, removeMarker, writeKill } from './job-marker.ts';
import { listStates } from './list-states.ts';
import { appendLine } from './logs/append-line.ts';
import { agentContainer, gatewayName, instanceSelector, jobAnnotation, objectName } from './manifest/names.ts';
import { pathOf } from './paths.ts';
import { checkPods } from './probe/check-pods.ts';
import { createLeaseStore } from './replicas/lease-store.ts';
import { createReplicas } from './replicas/replicas.ts';
import { restoreMarker } from './replicas/restore-marker.ts';
import { createSeal } from './replicas/seal.ts';
import { buildSampleJob } from './sample-job.ts';
import { completeStart, startJob } from './start-job.ts';
import { listOthers, listUnmanaged } from './unmanaged.ts';
import { waitForJob, waitForRunning } from './wait-for-job.ts';
import { checkWall, checkWallTemplate, mayHaveWall } from './walled/check-wall.ts';
import { keepGatewayFiles } from './walled/gateway-files.ts';
import { noteSent } from './walled/replace-credentials.ts';
import { endGateway, waitBehindWall } from './walled/wait-behind-wall.ts';
import { type ClusterView, createClusterView } from './watch/cluster-view.ts';
import type { RawPod } from './watch/objects.ts';

export interface KubernetesRuntimeOptions {
  /** The runner's, without its own variables. */
  env: NodeJS.ProcessEnv;
  /** The label of Jobs of this runner. */
  instanceId: string;
  settings: Pick<Config, 'runner' | 'jobs' | 'kubernetes' | 'images' | 'egress'>;
  /** Certificate authorities that agents trust in addition. */
  caFile?: CaFile | undefined;
  logger: Logger;
  /** Aborted when the service stops that runs job after job. */
  service?: AbortSignal | undefined;
}

const listTimeoutMs = 30_000;
const patientTimeoutMs = 30_000;

export function createKubernetesRuntime(options: KubernetesRuntimeOptions): Runtime {
  const { env, instanceId, settings, caFile, logger, service } = options;
  const { jobs, kubernetes } = settings;
  const labelSelector = instanceSelector(instanceId);
  const leases = createLeaseStore(async () => (await cluster()).api, instanceId);
  const { stateKey } = kubernetes;
  const replicas =
    stateKey === undefined
      ? undefined
      : createReplicas({ store: leases, seal: createSeal(stateKey, instanceId), instanceId, logger });
  const more = [...(replicas ? replicaRights : []), ...(mayHaveWall(settings) ? wallRights : [])];
  /** The objects that this process has removed to end agents, by job ID. */
  const kills = new Map<string, Removed>();
  let connection: Promise<{ api: KubeApi; view: ClusterView }> | undefined;

  function cluster(): Promise<{ api: KubeApi; view: ClusterView }> {
    connection ??= connect(kubernetes, env).then(
      (api) => ({ api, view: createClusterView({ api, labelSelector, logger, service }) }),
      (error: unknown) => {
        // The file can be corrected while the runner is running.
        connection = undefined;
        throw error;
      },
    );
    return connection;
  }

  async function checkReady(limits: { signal: AbortSignal | undefined; timeoutMs?: number }): Promise<Readiness> {
    const connected = async () => (await cluster()).api;
    const missing = missingForReplicas(settings);
    if (missing !== undefined) return { ready: false, reason: missing.reason, remedy: missing.remedy };
    return checkCluster(connected, { ...limits, more, serviceAccount: kubernetes.serviceAccount });
  }

  /** Waiting does not help a runner that starts with it. A job that ends is not disturbed by it. */
  async function findUnusableTemplate(): Promise<Readiness | undefined> {
    try {
      await buildSampleJob(settings, { instanceId });
      return undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { ready: false, reason: error.message, remedy: error.remedy ?? 'Correct kubernetes.pod_template.' };
    }
  }

  async function checkSettings(): Promise<void> {
    valuesOf(jobs.env, env);
    await buildSampleJob(settings, { instanceId });
    const [mount] = jobs.mounts;
    if (mount !== undefined)
      throw new UserError(`cannot mount ${mount.source}: pods do not have the files of the runner's machine`, {
        remedy: 'Remove jobs.mounts. Add volumes to kubernetes.pod_template instead.',
      });
    if (jobs.network !== undefined)
      throw new UserError(`cannot apply jobs.network = "${jobs.network}": pods have the network of their cluster`, {
        remedy: 'Remove jobs.network. Set hostNetwork in kubernetes.pod_template instead, if jobs need it.',
      });
  }

  async function start(job: StartOptions): Promise<void> {
    await checkSettings();
    const [mount] = job.mounts ?? [];
    if (mount !== undefined) throw new RuntimeError(`cannot mount ${mount.source} into a pod`);
    const { api, view } = await cluster();
    await job.beforeLaunch?.();
    view.note(await startJob(job, { api, settings, instanceId, env, caFile }));
    if (job.egress !== undefined) await noteSent(job);
  }

  async function wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit> {
    const marker = await readMarker(job);
    if (marker === undefined) return withoutMarker();
    const { api, view } = await cluster();
    const { startTimeoutMs } = kubernetes;
    const killed = await readKill(job);
    if (killed !== undefined) kills.set(job.jobId, killed);
    const removedByRunner = () => kills.get(job.jobId);
    const deps = { api, view, startTimeoutMs, removedByRunner, logger, signal };
    const waiting = async (onExit?: () => Promise<void>) => {
      const exit = await waitForJob(job, marker, { ...deps, ...(onExit && { onExit }) });
      // A pod that does not start would have the time of an agent to end.
      if (exit.startError !== undefined) await kill(job, 0).catch(() => {});
      return exit;
    };
    const end = (graceMs = jobs.stopTimeoutMs) => kill(job, graceMs);
    return waitBehindWall(job, marker, waiting, { api, view, instanceId, kill: end, logger, signal });
  }

  async function whenRunning(job: JobPaths, signal: AbortSignal): Promise<{ isRunning: boolean; hasWaited: boolean }> {
    const marker = await readMarker(job);
    if (marker === undefined) return { isRunning: false, hasWaited: false };
    return waitForRunning(marker, (await cluster()).view, signal);
  }

  async function kill(job: JobPaths, graceMs: number): Promise<void> {
    const marker = await readMarker(job);
    if (marker === undefined) return;
    const { api } = await cluster();
    const onRemove = async (what: Removed) => {
      kills.set(job.jobId, what);
      // On a full disk the agent is killed all the same.
      await writeKill(job, what).catch((error: unknown) =>
        logger.warn('cannot save kill request', { job_id: job.jobId, error }),
      );
    };
    await endAgent(api, marker, { graceMs, onRemove });
  }

  async function remove(job: JobPaths): Promise<void> {
    const { api, view } = await cluster();
    const name = objectName(instanceId, job.jobId);
    const marker = await readMarker(job);
    const isWalled = (marker ?? (await readIntent(job)))?.wall === true;
    // Otherwise it would stay for as long as an agent may need it.
    if (isWalled && !(await isAgentThere(api, name))) await endGateway(api, name);
    await deleteJob(api, name, marker?.uid);
    if (isWalled) view.forget(gatewayName(name));
    view.forget(name);
    if (isWalled) await lowerWall(job);
    await removeMarker(job);
    kills.delete(job.jobId);
  }

  async function listRunning(signal?: AbortSignal): Promise<string[]> {
    const { api } = await cluster();
    const query = { labelSelector, fieldSelector: 'status.phase=Running' };
    const { items } = await api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query, signal });
    return items.map(({ metadata }) => metadata.annotations?.[jobAnnotation] ?? '').filter((id) => id !== '');
  }

  async function removeUnmanaged(id: string): Promise<void> {
    const [name = '', uid] = id.split('/');
    const { api } = await cluster();
    await deleteJob(api, name, uid);
  }

  async function wasStarted(job: JobPaths): Promise<boolean> {
    if ((await readMarker(job)) !== undefined) return true;
    if ((await readIntent(job)) === undefined) return false;
    const complete = async () => completeStart(job, { ...(await cluster()), instanceId });
    try {
      return await retry(complete, { backoff: { minMs: 100, maxMs: 2000 }, maxAttempts: 6, shouldRetry: isTransient });
    } catch (error) {
      // The start is repeated, which creates nothing twice.
      logger.warn('cannot find out whether job was started', { job_id: job.jobId, error });
      return false;
    }
  }

  async function saveState(job: JobPaths): Promise<string | undefined> {
    const marker = await readMarker(job);
    const gateway = marker?.wall ? await keepGatewayFiles(job) : undefined;
    return marker && JSON.stringify({ ...marker, ...(gateway && { gateway }) });
  }

  return {
    name: 'kubernetes',
    isInstalled: async () => (await cluster().catch(() => undefined)) !== undefined,
    checkReady: (signal) => checkReady({ signal }),
    // A runner that starts is patient: an API server that is starting, too, is slow.
    prepare: async (signal) =>
      (await findUnusableTemplate()) ?? (await checkReady({ signal, timeoutMs: patientTimeoutMs })),
    checkPods: async (options) =>
      checkPods(options, { ...(await cluster()), settings, instanceId, env, caFile, logger }),
    findAgentAddress: async (url) => findAgentAddress(url),
    checkSettings,
    whyUnmeasured: async (what) => (what === 'activity' ? 'a cluster does not report the activity of pods' : undefined),
    whyNoWall: async () => {
      try {
        await checkWall(settings);
        checkWallTemplate((await buildSampleJob(settings, { instanceId })).openings);
        return undefined;
      } catch (error) {
        if (error instanceof UserError) return error;
        throw error;
      }
    },
    holdsLimits: true,
    warnings: async () => findWarnings(settings, (await buildSampleJob(settings, { instanceId })).openings),
    whyRefused: async (signal) => {
      const refused = await tryDryRun(await buildSampleJob(settings, { instanceId }), (await cluster()).api, {
        signal,
      });
      // Jobs wait for a full quota.
      return refused?.isQuota ? undefined : refused;
    },
    // The kubelet pulls.
    pull: async () => ({}),
    start: (job, signal) => orAborted(start(job), signal),
    wasStarted,
    createdContainer: async (job) => ((await readMarker(job)) ?? (await readIntent(job))) !== undefined,
    whenRunning,
    wait,
    kill,
    listRunning,
    listStates: async (signal) => listStates((await cluster()).api, labelSelector, signal),
    logCommand: async (job) => {
      const marker = await readMarker(job);
      return (
        marker &&
        `kubectl --namespace ${marker.namespace} logs --follow --container ${agentContainer} job/${marker.name}`
      );
    },
    appendToLog: async (job, line) => {
      const { maxLogBytes } = (await readMarker(job)) ?? {};
      if (maxLogBytes !== undefined) await appendLine(job, line, maxLogBytes);
    },
    remove,
    listUnmanaged: async (except, signal) => {
      const limits = { signal, timeoutMs: listTimeoutMs };
      const listClaimed = async () => new Set(replicas && (await leases.list('job', limits)).map(({ jobId }) => jobId));
      return listUnmanaged((await cluster()).api, instanceId, { except, listClaimed }, signal);
    },
    listOthers: async (signal) => listOthers((await cluster()).api, instanceId, signal),
    removeUnmanaged,
    storageFolder: async () => undefined,
    images: undefined,
    replicas,
    saveState,
    restoreState: async (job, state) => {
      const { api } = await cluster();
      await restoreMarker(job, state, { api, instanceId, maxLogBytes: jobs.maxLogMib * 2 ** 20 });
    },
  };
}

function withoutMarker(): JobExit {
  const unseenBecause = 'the runner’s record of its Job is missing';
  return { exitCode: undefined, endedAt: systemClock.date(), outOfMemory: false, startError: undefined, unseenBecause };
}

/** Whether the agent's pod exists, and has not ended. @throws RuntimeError */
async function isAgentThere(api: KubeApi, name: string): Promise<boolean> {
  const query = { labelSelector: `batch.kubernetes.io/job-name=${name}` };
  try {
    const { items } = await api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query });
    return items.some(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  } catch (error) {
    throw new RuntimeError(`cannot list the pods of the Job ${name}: ${formatError(error)}`, { cause: error });
  }
}

function findAgentAddress(url: URL): AgentAddress | undefined {
  if (!isLoopback(url.hostname)) return undefined;
  return {
    reason: `pods do not reach ${url.host}, which is the runner's own machine`,
    remedy: 'Let the server listen on an address that pods reach, and set runner.url to it.',
  };
}
