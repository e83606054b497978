import { findImages, tidyImages } from '../images/image-garbage.ts';
import { findMirrors } from '../mirrors/mirror-garbage.ts';
import { findContainers } from './containers.ts';
import { correctDates } from './file-dates.ts';
import { findFinishedJobs } from './finished-jobs.ts';
import type { Garbage, GarbageContext, Kept } from './garbage.ts';
import { findGateways } from './gateways.ts';
import { findLeftovers } from './leftovers.ts';
import { findOrphanedFiles } from './orphaned-files.ts';
import { findJobsOfOthers } from './other-runners.ts';

export interface Collection {
  /** The garbage that was removed, or would be in a dry run. */
  removed: Omit<Garbage, 'remove'>[];
  /** Stays although the rules would let it go: files that are young, and containers whose runner may be running. */
  kept: Kept[];
  /** The steps that failed, and why. */
  failures: { what: string; error: unknown }[];
}

// Containers first, because they keep their images in use.
const finders: [what: string, find: (context: GarbageContext) => AsyncGenerator<Garbage>, byAge?: 'by age'][] = [
  ['containers', findContainers],
  ['containers of other runners', findJobsOfOthers],
  ['egress gateways', findGateways],
  ['images', findImages],
  ['leftovers', findLeftovers],
  ['finished jobs', findFinishedJobs, 'by age'],
  ['orphaned files', findOrphanedFiles, 'by age'],
  ['git mirrors', findMirrors, 'by age'],
];

/**
 * Removes all garbage, or only lists it if `dryRun` is set; without `trustAges`, only garbage that does not depend on the
 * date. A failure does not stop the rest.
 */
export async function collectGarbage(
  context: GarbageContext,
  { dryRun = false, trustAges = true }: { dryRun?: boolean; trustAges?: boolean } = {},
): Promise<Collection> {
  const collection: Collection = { removed: [], kept: [], failures: [] };
  const onKept = (kept: Kept) => collection.kept.push(kept);
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      context.signal.throwIfAborted();
      collection.failures.push({ what, error });
    }
  };
  if (!dryRun) await attempt('images', () => tidyImages(context));
  if (!dryRun && trustAges) await attempt('file dates', () => correctDates(context));
  for (const [what, find, byAge] of finders) {
    if (byAge && !trustAges) continue;
    await attempt(what, async () => {
      for await (const { remove, ...garbage } of find({ ...context, onKept })) {
        context.signal.throwIfAborted();
        await attempt(`${garbage.kind} ${garbage.name}`, async () => {
          if (dryRun || (await remove())) collection.removed.push(garbage);
        });
      }
    });
  }
  return collection;
}
