import { isJobId } from '../job-id.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Containers of this instance whose job is not active. A job is active from before its container is made until after it is removed. */
export async function* findContainers({ store, runtime, rules, now, signal }: GarbageContext): AsyncGenerator<Garbage> {
  if (runtime === undefined) return;
  const left = await runtime.listUnmanaged(new Set(await store.listActive()), signal);
  for (const { id, jobId, createdAt, sizeBytes } of left) {
    // Images that are made of a job's container pass its labels on to others, but not its name.
    if (!isJobId(jobId) || createdAt.getTime() > now() - rules.graceMs) continue;
    yield {
      kind: 'container',
      name: jobId,
      bytes: sizeBytes,
      reason: 'its job is over',
      remove: async () => {
        if (await store.isActive(jobId)) return false;
        await runtime.removeUnmanaged(id);
        return true;
      },
    };
  }
}
