/** Whether a job ended because its Job or its pod was removed from the cluster, by others than its runner. */
import { type Explanation, findCondition, type Picture, type PodObject, type Terminated } from './objects.ts';

export const removalRemedy = 'Start the task again. The audit log of the cluster has who removed it, if it keeps one.';

/**
 * Undefined if the agent ended before that. Deletions that the cluster itself explains, such as evictions, come before this.
 * @param end of the agent's container, if it is known
 */
export function explainRemoval(picture: Picture, end: Terminated | undefined): Explanation | undefined {
  const { job, pod, podIsGone, removedByRunner } = picture;
  const what = removedObject(picture);
  if (removedByRunner === 'job' || (removedByRunner === 'pod' && what === 'its pod')) return undefined;
  if (pod === undefined || !(end === undefined ? podIsGone || isLeaving(pod) : wasDeletedBefore(pod, end)))
    return undefined;
  if (findCondition(job, 'Suspended') !== undefined)
    return {
      reason: 'its Job was suspended, for which the cluster removes its pod',
      remedy: 'Start the task again, or change what suspends Jobs.',
    };
  const before = end === undefined && !hasRun(pod) ? ' before the agent ran' : '';
  return {
    reason: `${what} was removed from the cluster${before}, by a user or a program unknown to the runner`,
    remedy: removalRemedy,
  };
}

/** Its pod is removed with it, but not the other way round. */
export function removedObject({ job, isReplaced = false }: Picture): string {
  if (isReplaced) return 'its Job was replaced by another one of the same name: it';
  return job === undefined || job.metadata?.deletionTimestamp ? 'its Job' : 'its pod';
}

/** A pod without a node that is being deleted never gets one. */
export function cannotStart(pod: PodObject | undefined): boolean {
  return pod !== undefined && isLeaving(pod) && pod.spec?.nodeName === undefined;
}

/** Whether its deletion was requested. */
export function isLeaving({ metadata }: PodObject): boolean {
  return typeof metadata.deletionTimestamp === 'string';
}

/** Whether any of its containers has started, also one that runs before the agent's. */
export function hasRun({ status }: PodObject): boolean {
  const { initContainerStatuses = [], containerStatuses = [] } = status ?? {};
  return [...initContainerStatuses, ...containerStatuses].some(
    ({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated,
  );
}

/** A pod that has ended can be removed afterwards: by a user, or when its time to live is over. */
function wasDeletedBefore({ metadata }: PodObject, { finishedAt }: Terminated): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  // The time is that at which the pod has to be gone.
  const requestedAt = Date.parse(deletionTimestamp ?? '') - (deletionGracePeriodSeconds ?? 0) * 1000;
  const endedAt = Date.parse(finishedAt ?? '');
  if (Number.isNaN(requestedAt)) return false;
  if (Number.isNaN(endedAt)) return true;
  // Both are in whole seconds, and an agent can end within the one in which it gets SIGTERM.
  return requestedAt <= endedAt;
}
