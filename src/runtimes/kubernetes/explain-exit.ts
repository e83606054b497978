/** How a job ended, or why it does not start, from the newest state of its Job and its pod. */
import { systemClock } from '../../lib/clock.ts';
import type { JobExit } from '../runtime.ts';
import { explainExit, phaseOf } from './explain/exit.ts';
import { type Explanation, findCondition, newestWarning, type Picture, type Removed } from './explain/objects.ts';
import { explainStart, type StartProblem } from './explain/start-problem.ts';
import type { JobInCluster } from './watch/cluster-view.ts';

/** Undefined while the job can start or runs. */
export function findExit(state: JobInCluster, removedByRunner?: Removed): JobExit | undefined {
  const picture = { ...pictureOf(state), removedByRunner };
  const phase = phaseOf(picture);
  if (phase === 'ended') return explainExit(picture, systemClock.date());
  const problem = phase === 'starting' ? explainStart(picture) : undefined;
  return problem?.isFinal ? { ...noExit(), startError: problem.reason, startRemedy: problem.remedy } : undefined;
}

/** Why a job has not started yet; undefined if the cluster gives no reason. */
export function findProblem(state: JobInCluster): StartProblem | undefined {
  return explainStart(pictureOf(state));
}

/** Whether the cluster removes the pod because its node is gone: it may never report the end. */
export function isNodeLost({ pod, events }: JobInCluster): boolean {
  if (pod === undefined || pod.isGone || pod.object.metadata?.deletionTimestamp === undefined) return false;
  const reason = findCondition(pod.object, 'DisruptionTarget')?.reason ?? '';
  return (
    /^DeletionBy(TaintManager|PodGC)$/.test(reason) || newestWarning(events, 'Pod', ['NodeNotReady']) !== undefined
  );
}

/** The exit of a job whose node does not report it. */
export function explainLost(state: JobInCluster): JobExit {
  const exit = explainExit(pictureOf(state), systemClock.date());
  if (exit.stopped !== undefined) return exit;
  return { ...exit, unseenBecause: 'its node was lost' };
}

function pictureOf({ job, pod, events, isReplaced = false }: JobInCluster): Picture {
  return { job: job?.object, pod: pod?.object, podIsGone: pod?.isGone ?? false, isReplaced, events };
}

/** The exit of a job that the cluster does not start in time. */
export function startTimedOut(why: Explanation | undefined, timeoutMs: number): JobExit {
  const seconds = Math.round(timeoutMs / 1000);
  return {
    ...noExit(),
    startError: `its pod did not start within ${seconds} s${why === undefined ? '' : `: ${why.reason}`}`,
    startRemedy: why?.remedy ?? 'Correct the cause, or raise kubernetes.start_timeout.',
  };
}

const noExit = () => ({
  exitCode: undefined,
  endedAt: systemClock.date(),
  outOfMemory: false,
  startError: undefined,
});
