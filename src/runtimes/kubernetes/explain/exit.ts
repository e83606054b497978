/** Whether a job has ended, and how, from the newest state of its objects. */
import type { JobExit } from '../../runtime.ts';
import {
  agentEnd,
  agentStatus,
  clause,
  type Explanation,
  findCondition,
  newestWarning,
  type Picture,
  type PodObject,
  type Terminated,
} from './objects.ts';
import { cannotStart, explainRemoval, isLeaving, removalRemedy, removedObject } from './removal.ts';
import { explainStart } from './start-problem.ts';

const deadlineReason = 'DeadlineExceeded';

/** A job whose Job is not there has ended: use it only after a complete list. */
export function phaseOf({ job, pod, podIsGone = false }: Picture): 'starting' | 'running' | 'ended' {
  if (agentEnd(pod) !== undefined || ['Failed', 'Succeeded'].includes(pod?.status?.phase ?? '')) return 'ended';
  const isOver = job === undefined || findCondition(job, 'Complete') !== undefined || isFailed(job);
  if (cannotStart(pod)) return 'ended';
  if (pod === undefined || podIsGone) return isOver || podIsGone ? 'ended' : 'starting';
  return agentStatus(pod)?.state?.running ? 'running' : 'starting';
}

function isFailed(job: Picture['job']): boolean {
  return findCondition(job, 'Failed') !== undefined;
}

/**
 * How the job ended. Call it only if `phaseOf` is `ended`.
 * @param now for an end whose time the cluster did not report
 */
export function explainExit(picture: Picture, now: Date): JobExit {
  const { job, pod } = picture;
  const end = agentEnd(pod);
  const endedAt = dateOf(end?.finishedAt ?? findCondition(job, 'Failed')?.lastTransitionTime) ?? now;
  const exit: JobExit = { exitCode: exitCodeOf(end), endedAt, outOfMemory: false, startError: undefined };
  if (end !== undefined && isStartError(end)) return { ...exit, exitCode: undefined, ...startErrorOf(end) };
  if (end?.reason === 'OOMKilled') return { ...exit, outOfMemory: true };
  const removed = causeOf(picture) === '' ? explainRemoval(picture, end) : undefined;
  // An agent that finished in time was not stopped, although the cluster may have tried. At a deadline it can exit with zero.
  if (end?.exitCode === 0 && pod?.status?.reason !== deadlineReason && removed === undefined) return exit;
  const rejected = end === undefined ? rejectionOf(pod) : undefined;
  if (rejected !== undefined) return { ...exit, startError: rejected.reason, startRemedy: rejected.remedy };
  const stopped = whyStopped(picture);
  const reached = whichLimit(pod, end);
  if (stopped !== undefined) return { ...exit, stopped: withoutUndefined(stopped), ...(reached && { reached }) };
  if (removed !== undefined) return { ...exit, stopped: { ...withoutUndefined(removed), code: 'removed' } };
  if (exit.exitCode !== undefined) return exit;
  const failed =
    end === undefined && agentStatus(pod)?.state?.running === undefined ? explainStart(picture) : undefined;
  if (failed !== undefined) return { ...exit, startError: failed.reason, startRemedy: failed.remedy };
  return { ...exit, ...whyUnseen(picture, end) };
}

/** Why the cluster ended the job, or is about to. */
export function whyStopped({ job, pod }: Picture): Explanation | undefined {
  const failed = findCondition(job, 'Failed') ?? findCondition(job, 'FailureTarget');
  if (failed?.reason === deadlineReason || pod?.status?.reason === deadlineReason)
    return {
      reason: 'it ran longer than the cluster allows (deadline exceeded)',
      remedy: 'Raise limits.max_duration.',
    };
  const { reason = '', message = '' } = pod?.status ?? {};
  if (reason === 'Evicted')
    return {
      reason: `its node evicted it: ${clause(message)}`,
      remedy: /storage|disk|volume/i.test(message)
        ? 'Raise limits.disk_gib, or use nodes with more disk space.'
        : 'Raise the requests in kubernetes.pod_template, or use larger nodes.',
    };
  if (reason === 'Preempting' || reason === 'Preempted') return preempted;
  if (reason === 'NodeLost') return lostNode(pod);
  if (reason === 'Terminated' || reason === 'Shutdown' || reason === 'NodeShutdown')
    return { reason: `its node was shut down: ${clause(message)}`, remedy: 'Start the task again.' };
  return whyDisrupted(pod);
}

/** The limit at which the node ended the pod, if the job has one. */
function whichLimit(pod: PodObject | undefined, end: Terminated | undefined): JobExit['reached'] {
  const { reason, message = '' } = pod?.status ?? {};
  const [startedAt, endedAt] = [dateOf(end?.startedAt), dateOf(end?.finishedAt)];
  const used = startedAt && endedAt && endedAt.getTime() - startedAt.getTime();
  if (reason === deadlineReason) return { limit: 'max_duration', ...(used !== undefined && { used }) };
  return reason === 'Evicted' && storageLimit.test(message) ? { limit: 'disk_gib' } : undefined;
}

/** The kubelet's words for the limit of the pod, and for that of its container. */
const storageLimit =
  /^Pod ephemeral local storage usage exceeds the total limit|^Container agent exceeded its local ephemeral storage limit/;

/** Begins the message of the program in the container that starts the agent. */
const ofStartProgram = 'plan42-start: ';

const preempted: Explanation = {
  reason: 'a pod of higher priority took its place (preempted)',
  remedy: 'Set priorityClassName in kubernetes.pod_template, or add nodes.',
};

function whyDisrupted(pod: PodObject | undefined): Explanation | undefined {
  const disrupted = findCondition(pod, 'DisruptionTarget');
  switch (disrupted?.reason) {
    case 'PreemptionByScheduler':
      return preempted;
    case 'DeletionByTaintManager':
    case 'DeletionByPodGC':
      return lostNode(pod);
    case 'EvictionByEvictionAPI':
      return {
        reason: 'its pod was evicted, as when its node is drained',
        remedy: 'Start the task again. To protect agents from drains, create a PodDisruptionBudget for their pods.',
      };
    case undefined:
      return undefined;
    default:
      return { reason: `the cluster ended its pod: ${clause(disrupted?.message ?? disrupted?.reason ?? '')}` };
  }
}

function lostNode(pod: PodObject | undefined): Explanation {
  const node = pod?.spec?.nodeName;
  return {
    reason: `its node${node === undefined ? '' : ` ${node}`} was lost, or drained by a taint`,
    remedy: node === undefined ? 'Check the nodes.' : `Check the node: kubectl describe node ${node}`,
  };
}

// The runtime of containers reports an exit code of its own for a process that it could not start.
function isStartError({ reason, message = '' }: Terminated): boolean {
  return reason === 'StartError' || reason === 'ContainerCannotRun' || message.startsWith(ofStartProgram);
}

function startErrorOf({ message = '' }: Terminated): { startError: string; startRemedy?: string } {
  // The part after the last of the runtimes' own words names the program.
  const words = clause(
    message
      .replace(ofStartProgram, '')
      .replace(/^.*?(?=exec: )/s, '')
      .replace(/: unknown$/, ''),
  );
  if (/permission denied|is a directory/.test(words))
    return { startError: words, startRemedy: 'Make it an executable file in the image, or correct jobs.entrypoint.' };
  if (/not found|no such file/.test(words))
    return { startError: words, startRemedy: 'Correct jobs.entrypoint, or add the program to the image.' };
  if (/exec format error/.test(words))
    return { startError: words, startRemedy: 'Set kubernetes.architecture to the one of the image.' };
  return { startError: words || 'the node could not start its container' };
}

/** The node did not accept the pod, or another of its containers failed first. */
function rejectionOf(pod: PodObject | undefined): Explanation | undefined {
  if (pod === undefined) return undefined;
  const { phase, reason = '', message = '', initContainerStatuses = [] } = pod.status ?? {};
  const failed = initContainerStatuses.find(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0);
  if (phase === 'Failed' && failed !== undefined && reason === '' && !isLeaving(pod)) {
    const { exitCode = 0, reason: why = '' } = failed.state?.terminated ?? {};
    return {
      reason: `its init container ${failed.name} failed with exit code ${exitCode}${why === 'OOMKilled' ? ' (out of memory)' : ''}`,
      remedy: 'Correct the init container in kubernetes.pod_template.',
    };
  }
  if (
    phase !== 'Failed' ||
    !/^(OutOf|Node(Affinity|Name|Ports|Unschedulable)|UnexpectedAdmission|AppArmor|Topology|PodOS)/.test(reason)
  )
    return undefined;
  const words = clause(message.replace(/^Pod was rejected: /, ''));
  return { reason: `its node rejected the pod (${reason}): ${words}`, remedy: 'Start the task again.' };
}

function exitCodeOf(end: Terminated | undefined): number | undefined {
  // The node writes this one for a container of which it knows nothing any more.
  if (end === undefined || end.reason === 'ContainerStatusUnknown') return undefined;
  return end.signal !== undefined && end.signal > 0 && end.exitCode === 0 ? 128 + end.signal : end.exitCode;
}

function whyUnseen(picture: Picture, end: Terminated | undefined): Pick<JobExit, 'unseenBecause' | 'unseenRemedy'> {
  const { job, pod, podIsGone } = picture;
  if (end?.reason === 'ContainerStatusUnknown') return { unseenBecause: 'its node lost the state of its container' };
  const cause = causeOf(picture);
  if (pod !== undefined && !podIsGone)
    return { unseenBecause: `its pod ended without a state of its container${cause}` };
  const what = job === undefined ? removedObject(picture) : 'its pod';
  if (cause !== '') return { unseenBecause: `${what} was removed from the cluster${cause}` };
  if (pod !== undefined) return { unseenBecause: `${what} was removed from the cluster` };
  const when = job === undefined ? ', or kubernetes.ttl was over' : '';
  return {
    unseenBecause: `${what} was removed from the cluster while the runner was not watching, by a user or a program unknown to the runner${when}`,
    unseenRemedy: removalRemedy,
  };
}

/** The newest warning about the node, after a colon. Empty if there is none. */
function causeOf({ events }: Picture): string {
  const killing = newestWarning(events, 'Pod', ['NodeNotReady', 'TaintManagerEviction', 'Evicted', 'Preempted']);
  return killing === undefined ? '' : `: ${clause(killing.message ?? '')}`;
}

function dateOf(text: string | null | undefined): Date | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

function withoutUndefined({ reason, remedy }: Explanation): { reason: string; remedy?: string } {
  return remedy === undefined ? { reason } : { reason, remedy };
}
