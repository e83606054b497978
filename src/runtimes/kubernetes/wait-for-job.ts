/** A started job until its exit: its Secrets are removed when the agent has them, and its output is copied to its log. */
import { systemClock } from '../../lib/clock.ts';
import { formatError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { JobPaths } from '../../shim/shim.ts';
import type { JobExit } from '../runtime.ts';
import { isNotFound, type KubeApi } from './api/kube-api.ts';
import { isTransient } from './create.ts';
import type { Explanation, Removed } from './explain/objects.ts';
import { explainLost, findExit, findProblem, isNodeLost, startTimedOut } from './explain-exit.ts';
import type { Marker } from './job-marker.ts';
import { followLog } from './logs/follow-log.ts';
import { secretName } from './manifest/names.ts';
import { pathOf } from './paths.ts';
import type { ClusterView, JobInCluster } from './watch/cluster-view.ts';

/** The largest time of `setTimeout`. */
const maxTimerMs = 2 ** 31 - 1;

export interface WaitDeps {
  api: KubeApi;
  view: ClusterView;
  startTimeoutMs: number;
  logger: Logger;
  signal: AbortSignal | undefined;
  /** Called when the agent has exited, before the end of its log is written. */
  onExit?: () => Promise<void>;
  /** Returns what the runner itself has removed to end the agent. */
  removedByRunner?: () => Removed | undefined;
  /** How long a node that is gone may be late with the end of a pod. For tests. */
  lostAfterMs?: number;
}

/** Rejects only if the signal is aborted, or the log cannot be opened. */
export async function waitForJob(job: JobPaths, marker: Marker, deps: WaitDeps): Promise<JobExit> {
  const { view } = deps;
  using _watching = view.hold();
  const started = await waitForStart(job, marker, deps);
  if ('exitCode' in started) return started;
  const secrets = removeSecrets(marker, deps);
  const exited = new AbortController();
  const { maxLogBytes } = marker;
  let exit: JobExit | undefined;
  let isLost = false;
  const hasRun = () => exit?.startError === undefined;
  const known = { exited: exited.signal, hasRun, isNodeLost: () => isLost };
  const log = followLog({ ...deps, ...known, job, podName: started.pod, maxLogBytes });
  // Awaited below; it rejects with the signal, as the wait for the exit does.
  log.catch(() => {});
  const noteLost = () => {
    isLost = true;
  };
  exit = await waitForExit(marker, deps, noteLost);
  await deps.onExit?.();
  exited.abort();
  await Promise.all([log, secrets]);
  return exit;
}

/** Resolves when the agent's container runs, or has run, or will not run any more. Rejects only if the signal is aborted. */
export async function waitForRunning(
  { name, uid }: Pick<Marker, 'name' | 'uid'>,
  view: ClusterView,
  signal: AbortSignal,
): Promise<{ isRunning: boolean; hasWaited: boolean }> {
  using _watching = view.hold();
  let hasWaited = false;
  const find = (state: JobInCluster) => {
    const same = sameJob(state, uid);
    const { pod } = same;
    if (pod !== undefined && pod.agent.phase !== 'waiting') return { isRunning: true, hasWaited };
    if (findExit(same) !== undefined) return { isRunning: false, hasWaited };
    hasWaited = true;
    return undefined;
  };
  return await view.waitFor(name, find, signal);
}

/** A node that is gone never reports the end of a pod, whose deletion then waits for it. */
async function waitForExit(
  { name, uid }: Marker,
  { view, signal, removedByRunner, lostAfterMs = 30_000 }: WaitDeps,
  noteLost: () => void,
): Promise<JobExit> {
  const find = (state: JobInCluster) => findExit(sameJob(state, uid), removedByRunner?.());
  const findLost = (state: JobInCluster) =>
    isNodeLost(sameJob(state, uid)) ? { deletedAt: deletionOf(state) } : undefined;
  const first = await view.waitFor<JobExit | { deletedAt: number }>(
    name,
    (state) => find(state) ?? findLost(state),
    signal,
  );
  if (!('deletedAt' in first)) return first;
  const overdue = new AbortController();
  const untilDueMs = Math.max(0, first.deletedAt - systemClock.date().getTime());
  const timer = setTimeout(() => overdue.abort(), Math.min(untilDueMs + lostAfterMs, maxTimerMs));
  try {
    return await view.waitFor(name, find, signal ? AbortSignal.any([signal, overdue.signal]) : overdue.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!overdue.signal.aborted) throw error;
    const explain = (state: JobInCluster) => {
      const exit = find(state);
      if (exit === undefined) noteLost();
      return exit ?? explainLost(sameJob(state, uid));
    };
    return await view.waitFor(name, explain, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The date includes the time that the pod has to end. */
function deletionOf({ pod }: JobInCluster): number {
  const time = Date.parse(pod?.object.metadata?.deletionTimestamp ?? '');
  return Number.isNaN(time) ? 0 : time;
}

/** A Job that was created again under the same name is another one. */
function sameJob({ job, pod, events }: JobInCluster, uid: string): JobInCluster {
  if (job === undefined || job.uid === uid) return { job, pod, events };
  return { job: undefined, isReplaced: true, pod: undefined, events };
}

async function waitForStart(
  { jobId }: JobPaths,
  { name, uid, startedAtMs }: Marker,
  deps: WaitDeps,
): Promise<{ pod: string } | JobExit> {
  const { view, startTimeoutMs, logger, signal, removedByRunner } = deps;
  let logged: string | undefined;
  const logProblem = ({ reason, remedy }: Partial<Explanation> = {}) => {
    if (reason !== undefined && reason !== logged)
      logger.warn('job is not starting yet', { job_id: jobId, reason, remedy });
    logged = reason;
  };
  const timeout = new AbortController();
  // It does not begin again with each run of the runner.
  const remainingMs = startedAtMs + startTimeoutMs - systemClock.date().getTime();
  const timer = setTimeout(() => timeout.abort(), Math.min(startTimeoutMs, Math.max(0, remainingMs)));
  const find = (state: JobInCluster): { pod: string } | JobExit | undefined => {
    const { pod } = state;
    // Its log can have the reason of an early exit.
    if (pod !== undefined && pod.agent.phase !== 'waiting') return { pod: pod.name };
    return findExit(sameJob(state, uid), removedByRunner?.());
  };
  try {
    const either = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
    const look = (state: JobInCluster) => {
      logProblem(findProblem(sameJob(state, uid)));
      return find(state);
    };
    return await view.waitFor(name, look, either);
  } catch (error) {
    signal?.throwIfAborted();
    if (!timeout.signal.aborted) throw error;
    // It can have started, and ended, while no runner was watching.
    const last = await view.waitFor(name, (state) => find(state) ?? { problem: findProblem(state) }, signal);
    return 'problem' in last ? startTimedOut(last.problem, startTimeoutMs) : last;
  } finally {
    clearTimeout(timer);
  }
}

const removalBackoff = { minMs: 200, maxMs: 10_000 };
const maxAttempts = 20;

/** The cluster removes with the Job what cannot be removed now. */
async function removeSecrets({ name, secrets }: Marker, { api, logger, signal }: WaitDeps): Promise<void> {
  const names = Array.from({ length: secrets }, (_, part) => secretName(name, part));
  const remove = async (secret: string) => {
    await retry(() => api.request('DELETE', pathOf(api, 'secrets', secret), { signal }), {
      backoff: removalBackoff,
      maxAttempts,
      signal,
      shouldRetry: isTransient,
    });
  };
  for (const result of await Promise.allSettled(names.map(remove))) {
    if (result.status === 'fulfilled' || isNotFound(result.reason) || signal?.aborted) continue;
    logger.warn('cannot remove request from cluster', { error: formatError(result.reason) });
  }
}
