import { isJobId } from '../job-id.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Containers of this instance without an active job. A job is active before its container is created and until it is removed. */
export async function* findContainers({ store, runtime, rules, now, signal }: GarbageContext): AsyncGenerator<Garbage> {
  if (runtime === undefined) return;
  const containers = await runtime.listUnmanaged(new Set(await store.listActive()), signal);
  for (const { id, jobId, createdAt, sizeBytes } of containers) {
    // An image committed from a job's container passes on its labels, but not its name.
    // One of the future was created when the date was wrong, and is not young either.
    if (!isJobId(jobId) || Math.abs(now() - createdAt.getTime()) < rules.graceMs) continue;
    yield {
      kind: 'container',
      name: jobId,
      bytes: sizeBytes,
      reason: 'its job is finished',
      remove: async () => {
        if (await store.isActive(jobId)) return false;
        await runtime.removeUnmanaged(id);
        return true;
      },
    };
  }
}
