/** How a job ended, or why it does not start, from the newest state of its Job and its pod. */
import { systemClock } from '../../lib/clock.ts';
import type { JobExit } from '../runtime.ts';
import { explainExit, phaseOf } from './explain/exit.ts';
import type { Explanation, Picture } from './explain/objects.ts';
import { explainStart, type StartProblem } from './explain/start-problem.ts';
import type { JobInCluster } from './watch/cluster-view.ts';

/** Undefined while the job can start or runs. */
export function findExit(state: JobInCluster): JobExit | undefined {
  const picture = pictureOf(state);
  const phase = phaseOf(picture);
  if (phase === 'ended') return explainExit(picture, systemClock.date());
  const problem = phase === 'starting' ? explainStart(picture) : undefined;
  return problem?.isFinal ? { ...noExit(), startError: problem.reason, startRemedy: problem.remedy } : undefined;
}

/** Why a job has not started yet; undefined if the cluster gives no reason. */
export function findProblem(state: JobInCluster): StartProblem | undefined {
  return explainStart(pictureOf(state));
}

function pictureOf({ job, pod, events }: JobInCluster): Picture {
  return { job: job?.object, pod: pod?.object, podIsGone: pod?.isGone ?? false, events };
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
