import { isJobId } from '../job-id.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/**
 * Jobs in a cluster of a runner that no longer exists, by the word of a person: it looks like one that is running. They run on,
 * and no runner reports their end.
 */
export async function* findJobsOfOthers({ runtime, others, signal, onKept }: GarbageContext): AsyncGenerator<Garbage> {
  if (others === undefined) return;
  for (const { id, jobId, instanceId, sizeBytes } of (await runtime?.listOthers?.(signal)) ?? []) {
    if (!isJobId(jobId)) continue;
    if (instanceId !== others.remove) {
      const reason = `it belongs to the runner ${instanceId}; if that no longer exists, add --instance ${instanceId}`;
      onKept?.({ kind: 'container', name: jobId, reason });
      continue;
    }
    yield {
      kind: 'container',
      name: jobId,
      bytes: sizeBytes,
      reason: 'its runner no longer exists',
      remove: async () => {
        await runtime?.removeUnmanaged(id);
        return true;
      },
    };
  }
}
