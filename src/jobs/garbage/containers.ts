import { checkJobPrefix, checkLifetimeMs } from '../../runtimes/check/names.ts';
import { isJobId } from '../job-id.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Containers of this instance without an active job, and those of doctor. A job is active before its container is created and until it is removed. */
export async function* findContainers({ store, runtime, rules, now, signal }: GarbageContext): AsyncGenerator<Garbage> {
  if (runtime === undefined) return;
  const containers = await runtime.listUnmanaged(new Set(await store.listActive()), signal);
  for (const { id, jobId, createdAt, sizeBytes } of containers) {
    // One that copies files for a job or doctor.
    const owner = jobId.replace(/-ca$/, '');
    const isOfDoctor = owner.startsWith(checkJobPrefix);
    // An image committed from a job's container passes on its labels, but not its name.
    if (!isOfDoctor && !isJobId(owner)) continue;
    const graceMs = isOfDoctor ? Math.max(rules.graceMs, checkLifetimeMs) : rules.graceMs;
    // One of the future was created when the date was wrong, and is not young either.
    if (Math.abs(now() - createdAt.getTime()) < graceMs) continue;
    if (owner !== jobId && (await store.isActive(owner))) continue;
    yield {
      kind: 'container',
      name: jobId,
      bytes: sizeBytes,
      reason: isOfDoctor ? 'left by a doctor that was killed' : 'its job is finished',
      remove: async () => {
        if (!isOfDoctor && (await store.isActive(owner))) return false;
        await runtime.removeUnmanaged(id);
        return true;
      },
    };
  }
}
