/** Ends the agent of a job by removing its pod: SIGTERM, and SIGKILL after a time. The Job has no second attempt. */
import { formatError } from '../../lib/errors.ts';
import { RuntimeError } from '../runtime.ts';
import { isNotFound, type KubeApi, KubeApiError } from './api/kube-api.ts';
import { deleteJob } from './delete-job.ts';
import type { Removed } from './explain/objects.ts';
import { hasRun } from './explain/removal.ts';
import type { Marker } from './job-marker.ts';
import { pathOf } from './paths.ts';
import type { RawPod } from './watch/objects.ts';

const maxAttempts = 5;
// Less than a second means to delete the pod without its kubelet.
const minGraceSeconds = 1;

/**
 * A pod that has not started is removed with its Job, without waiting for its kubelet, which may be pulling an image for minutes.
 * @param onRemove is called before anything is removed
 * @throws RuntimeError
 */
export async function endAgent(
  api: KubeApi,
  { name, uid }: Pick<Marker, 'name' | 'uid'>,
  { graceMs, onRemove }: { graceMs: number; onRemove: (what: Removed) => Promise<void> },
): Promise<void> {
  const query = { labelSelector: `batch.kubernetes.io/job-name=${name}` };
  const remove = async (): Promise<boolean> => {
    const { items } = await api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query });
    if (items.some(isStarted)) {
      await onRemove('pod');
      const gracePeriodSeconds = Math.max(minGraceSeconds, Math.ceil(graceMs / 1000));
      for (const { metadata, status } of items) {
        if (status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
        await removePod(api, metadata.name, { gracePeriodSeconds, preconditions: { uid: metadata.uid } });
      }
      return true;
    }
    await onRemove('job');
    for (const { metadata } of items) {
      const preconditions = { uid: metadata.uid, resourceVersion: metadata.resourceVersion };
      // It may have started.
      if (!(await removePod(api, metadata.name, { gracePeriodSeconds: 0, preconditions }))) return false;
    }
    // Its controller holds the pod otherwise, until the kubelet has reported its end.
    await deleteJob(api, name, uid);
    return true;
  };
  try {
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) if (await remove()) return;
    throw new Error('the pod changes all the time');
  } catch (error) {
    throw new RuntimeError(`cannot end the pod of the job: ${formatError(error)}`, { cause: error });
  }
}

/** Also if it has ended. */
function isStarted({ metadata, status }: RawPod): boolean {
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return isOver || hasRun({ metadata, ...(status && { status }) });
}

/** Returns false if another pod has the name, or it has changed. */
async function removePod(api: KubeApi, name: string, body: object): Promise<boolean> {
  try {
    await api.request('DELETE', pathOf(api, 'pods', name), { body });
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    if (!(error instanceof KubeApiError && error.reason === 'Conflict')) throw error;
    return false;
  }
}
