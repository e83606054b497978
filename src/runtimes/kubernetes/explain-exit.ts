/** How a job ended, from what the cluster reports of its Job and its pod. */
import { systemClock } from '../../lib/clock.ts';
import type { JobExit } from '../runtime.ts';
import type { JobInCluster } from './watch/cluster-view.ts';
import type { PodView, Reason } from './watch/objects.ts';

/** A container that waits for one of these does not start without help. As with other runtimes, a failed pull is final. */
const fatalReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
]);
/** The runtime of the node could not start the agent's process. */
const startErrors = new Set(['StartError', 'ContainerCannotRun']);
/** The kubelet lost the container, and invents an exit code. */
const unknownStates = new Set(['ContainerStatusUnknown', 'NodeLost', 'Unknown']);
const deadlineReason = 'DeadlineExceeded';
/** Begins the message of the program that starts the agent. */
const ofStartProgram = 'plan42-start: ';

/** Undefined while the job can start or runs. */
export function findExit({ job, pod }: JobInCluster): JobExit | undefined {
  if (pod?.agent.phase === 'terminated') return exitOfAgent(pod, pod.agent);
  if (pod !== undefined) {
    if (pod.ended !== undefined && (pod.phase === 'Failed' || pod.isGone))
      return { ...noExit(), ...stoppedBy(pod.ended) };
    if (pod.phase === 'Failed' || pod.phase === 'Succeeded')
      return { ...noExit(), unseenBecause: 'the node did not report how its container ended' };
    if (pod.isGone) return { ...noExit(), unseenBecause: 'its pod was removed from the cluster' };
    return pod.waiting !== undefined && fatalReasons.has(pod.waiting.reason)
      ? { ...noExit(), startError: show(pod.waiting) }
      : undefined;
  }
  if (job === undefined) return { ...noExit(), unseenBecause: 'its Job was removed from the cluster' };
  if (job.failed !== undefined) return { ...noExit(), startError: show(job.failed) };
  return job.isComplete ? { ...noExit(), unseenBecause: 'its pod was removed from the cluster' } : undefined;
}

/** Why a job has not started yet; undefined if the cluster gives no reason. */
export function whyNotStarted({ pod }: JobInCluster): string | undefined {
  const reason = pod?.waiting ?? pod?.unschedulable;
  return reason && show(reason);
}

/** The exit of a job that the cluster does not start in time. */
export function startTimedOut(why: string | undefined, timeoutMs: number): JobExit {
  const seconds = Math.round(timeoutMs / 1000);
  return {
    ...noExit(),
    startError: `its pod did not start within ${seconds} s${why === undefined ? '' : `: ${why}`}`,
    startRemedy: 'Correct the cause, or raise kubernetes.start_timeout.',
  };
}

const noExit = () => ({
  exitCode: undefined,
  endedAt: systemClock.date(),
  outOfMemory: false,
  startError: undefined,
});

function exitOfAgent(pod: PodView, agent: PodView['agent'] & { phase: 'terminated' }): JobExit {
  const { exitCode, reason = '', message = '', finishedAt } = agent;
  const finished = finishedAt ? new Date(finishedAt) : undefined;
  const endedAt = finished !== undefined && finished.getTime() > 0 ? finished : systemClock.date();
  const exit = { exitCode, endedAt, outOfMemory: reason === 'OOMKilled', startError: undefined };
  if (startErrors.has(reason)) return { ...exit, startError: oneLine(message) || reason };
  if (message.startsWith(ofStartProgram)) return { ...exit, startError: oneLine(message.slice(ofStartProgram.length)) };
  // An agent that was stopped can exit with zero. Other reasons can come after its exit.
  const isStopped = pod.ended?.reason === deadlineReason || exitCode !== 0;
  if (pod.ended !== undefined && !exit.outOfMemory && isStopped) return { ...exit, ...stoppedBy(pod.ended) };
  if (unknownStates.has(reason)) return { ...exit, exitCode: undefined, unseenBecause: 'its node lost the container' };
  return exit;
}

function stoppedBy(ended: Reason): Pick<JobExit, 'stopped'> {
  if (ended.reason === deadlineReason)
    return { stopped: { reason: 'it ran longer than limits.max_duration', remedy: 'Raise limits.max_duration.' } };
  return { stopped: { reason: `the cluster ended its pod: ${show(ended)}` } };
}

function show({ reason, message }: Reason): string {
  const text = oneLine(message);
  if (text === '') return reason || 'the cluster gave no reason';
  return reason === '' || text.includes(reason) ? text : `${text} (${reason})`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '');
}
