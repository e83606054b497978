import { checkLifetimeMs } from '../../runtimes/check/names.ts';
import type { JobStore } from '../store.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Images and volumes that no job uses, which a killed process left in the engine. */
export async function* findLeftovers({ store, runtime, rules, now, signal }: GarbageContext): AsyncGenerator<Garbage> {
  if (runtime?.listLeftovers === undefined) return;
  for (const one of await runtime.listLeftovers(await activeFolders(store), signal)) {
    const graceMs = one.kind === 'image' ? Math.max(rules.graceMs, checkLifetimeMs) : rules.graceMs;
    // One of the future was created when the date was wrong.
    if (Math.abs(now() - one.createdAt.getTime()) < graceMs) continue;
    yield {
      kind: one.kind,
      name: one.name,
      bytes: one.sizeBytes,
      reason: one.kind === 'image' ? 'left by a doctor that was killed' : 'no job uses its certificate authorities',
      remove: async () => one.remove(await activeFolders(store)),
    };
  }
}

async function activeFolders(store: JobStore): Promise<string[]> {
  return (await store.listActive()).map((jobId) => store.paths(jobId).folder);
}
