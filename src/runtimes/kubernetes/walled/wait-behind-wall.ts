/** Waits for a job behind a wall, and for its gateway meanwhile. */
import type { ReachedLimit } from '../../../gateway/pod/channel.ts';
import { systemClock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { JobPaths } from '../../../shim/shim.ts';
import { findRefusal } from '../../../wall/wall.ts';
import type { JobExit } from '../../runtime.ts';
import { isNotFound, type KubeApi } from '../api/kube-api.ts';
import type { Marker } from '../job-marker.ts';
import { gatewayName } from '../manifest/names.ts';
import { pathOf } from '../paths.ts';
import type { ClusterView, JobInCluster } from '../watch/cluster-view.ts';
import type { RawPod } from '../watch/objects.ts';
import { followGateway, readReachedInPod } from './follow-gateway.ts';
import { replaceCredentials } from './replace-credentials.ts';
import { watchCrashes } from './watch-crashes.ts';

interface WaitOptions {
  api: KubeApi;
  view: ClusterView;
  instanceId: string;
  /** Ends the agent, after the usual time or another one. */
  kill: (graceMs?: number) => Promise<void>;
  logger: Logger;
  signal: AbortSignal | undefined;
}

/** From SIGTERM, at which the gateway writes its last report, to SIGKILL. */
const gatewayGraceSeconds = 2;
const lastReportMs = 15_000;
const confirmMs = 2000;
const gatewayRemedy = 'Set kubernetes.helper_image to the image of this version of the runner.';

/** @param wait waits for the exit of any job, and calls the function before it writes the end of the log */
export async function waitBehindWall(
  job: JobPaths,
  marker: Marker,
  wait: (onExit?: () => Promise<void>) => Promise<JobExit>,
  { api, view, instanceId, kill, logger, signal }: WaitOptions,
): Promise<JobExit> {
  if (marker.wall !== true) return wait();
  const { name, uid } = marker;
  const exited = new AbortController();
  const left = new AbortController();
  const whileHere = signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]);
  const whileRunning = AbortSignal.any([whileHere, exited.signal]);
  const limit = Promise.withResolvers<ReachedLimit>();
  const onReached = limit.resolve;
  const following = followGateway(job, { api, name, onReached, ending: exited.signal, logger, signal: whileHere });
  const replacing = replaceCredentials(job, { api, job: { name, uid }, instanceId, logger, signal: whileRunning });
  let isLost = false;
  let crash: string | undefined;
  const onCrash = (text: string) => {
    crash = text;
  };
  const watchingCrashes = watchCrashes(job, { api, view, name, onCrash, logger, signal: whileRunning });
  const watching = waitForLoss(name, { api, view, signal: whileRunning }).then(async () => {
    isLost = true;
    logger.warn('killing job, the pod of its egress gateway is gone', { job_id: job.jobId });
    await killAgain(kill, logger, whileRunning);
  });
  const ending = limit.promise.then(async ({ atMs, wrapUpMs }) => {
    const untilMs = atMs + wrapUpMs - systemClock.date().getTime();
    await sleep(Math.min(wrapUpMs, Math.max(0, untilMs)), whileRunning);
    await killAgain(() => kill(0), logger, whileRunning);
  });
  // All of them are awaited below, or end with the signal.
  for (const work of [following, replacing, watching, watchingCrashes, ending]) work.catch(() => {});
  // Its last refusals belong into the log of the job.
  const readLastReport = async () => {
    if (exited.signal.aborted) return;
    exited.abort();
    await endGateway(api, name).catch((error: unknown) => {
      logger.warn('cannot end egress gateway', { job_id: job.jobId, error: formatError(error) });
    });
    await Promise.race([following, sleep(lastReportMs, whileHere)]).catch(() => {});
  };
  try {
    const exit = await wait(readLastReport);
    await readLastReport();
    return await explain(job, exit, { isLost, crash });
  } finally {
    left.abort();
    await Promise.allSettled([following, replacing, watching, watchingCrashes]);
  }
}

async function explain(
  job: JobPaths,
  exit: JobExit,
  { isLost, crash }: { isLost: boolean; crash: string | undefined },
): Promise<JobExit> {
  if (exit.startError !== undefined || exit.stopped !== undefined) return exit;
  const refusal = await findRefusal(job, exit.exitCode ?? 0);
  if (refusal !== undefined) {
    if (crash === undefined || !/cannot connect to the egress gateway/.test(refusal.reason))
      return { ...exit, startError: refusal.reason, startRemedy: refusal.remedy };
    return { ...exit, startError: `${refusal.reason}; ${crash}`, startRemedy: gatewayRemedy };
  }
  const reached = await readReachedInPod(job);
  if (reached !== undefined) return { ...exit, reached: { limit: reached.limit, used: reached.used } };
  if (!isLost || exit.exitCode === 0 || exit.unseenBecause !== undefined) return exit;
  const reason = 'the pod of its egress gateway was removed from the cluster, without which it has no network';
  return { ...exit, stopped: { reason, remedy: 'Start the task again.' } };
}

/** Resolves when the gateway's pod is gone, or about to be. A container that starts again is the same pod. */
async function waitForLoss(
  name: string,
  { api, view, signal }: Pick<WaitOptions, 'api' | 'view'> & { signal: AbortSignal },
): Promise<void> {
  const pod = gatewayName(name);
  const find = (state: JobInCluster) => (state.pod === undefined ? 'unknown' : isLeaving(state) ? 'gone' : undefined);
  for (;;) {
    if ((await view.waitFor(pod, find, signal)) === 'gone') return;
    // It can be newer than the list.
    const found = await api.request<RawPod>('GET', pathOf(api, 'pods', pod), { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      return 'unknown';
    });
    if (found === undefined) return;
    await sleep(confirmMs, signal);
  }
}

function isLeaving({ pod }: JobInCluster): boolean {
  if (pod === undefined || pod.isGone || pod.phase === 'Failed' || pod.phase === 'Succeeded') return true;
  return pod.object.metadata.deletionTimestamp !== undefined;
}

async function killAgain(kill: () => Promise<void>, logger: Logger, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await kill();
      return;
    } catch (error) {
      logger.warn('cannot kill job, retrying', { error: formatError(error) });
    }
    await sleep(confirmMs, signal);
  }
}

/** Its policies stay until the Job is removed. */
export async function endGateway(api: KubeApi, name: string): Promise<void> {
  const body = { gracePeriodSeconds: gatewayGraceSeconds };
  await api.request('DELETE', pathOf(api, 'pods', gatewayName(name)), { body }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}
