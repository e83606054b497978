import { findImages, tidyImages } from '../images/image-garbage.ts';
import { findContainers } from './containers.ts';
import { findFinishedJobs } from './finished-jobs.ts';
import type { Garbage, GarbageContext } from './garbage.ts';
import { findOrphanedFiles } from './orphaned-files.ts';

export interface Collection {
  /** What was removed; in a dry run, what would be. */
  removed: Omit<Garbage, 'remove'>[];
  /** What could not be done, and why. */
  failures: { what: string; error: unknown }[];
}

// Containers first, since they keep images.
const finders: [what: string, find: (context: GarbageContext) => AsyncGenerator<Garbage>][] = [
  ['containers', findContainers],
  ['images', findImages],
  ['finished jobs', findFinishedJobs],
  ['files left behind', findOrphanedFiles],
];

/** Removes all garbage, or with `dryRun` only tells it. What fails is told and keeps nothing else from being removed. */
export async function collectGarbage(
  context: GarbageContext,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<Collection> {
  const collection: Collection = { removed: [], failures: [] };
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      context.signal.throwIfAborted();
      collection.failures.push({ what, error });
    }
  };
  if (!dryRun) await attempt('images', () => tidyImages(context));
  for (const [what, find] of finders) {
    await attempt(what, async () => {
      for await (const { remove, ...garbage } of find(context)) {
        context.signal.throwIfAborted();
        await attempt(`${garbage.kind} ${garbage.name}`, async () => {
          if (dryRun || (await remove())) collection.removed.push(garbage);
        });
      }
    });
  }
  return collection;
}
