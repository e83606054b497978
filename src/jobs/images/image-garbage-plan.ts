import { sameImageName } from '../../lib/image-reference.ts';
import type { Image, ImageStore } from '../../runtimes/runtime.ts';
import type { GarbageContext } from '../garbage/garbage.ts';
import type { JobStore } from '../store.ts';
import { isPin, pinName } from './image-pin.ts';
import type { UsedImage } from './image-usage.ts';

/** An image that jobs used, in its current state. */
export interface KnownImage {
  used: UsedImage;
  image: Image;
  /** The requested names that still refer to it; empty if newer images have all of them. */
  currentNames: string[];
}

export interface ImagePlan {
  /** Pulled for jobs and unused now. */
  remove: KnownImage[];
  /** Not needed by this runner, which must not remove it, or not yet. */
  release: KnownImage[];
  /** Gone, or named by a user, who now owns it. */
  forget: UsedImage[];
}

/** Applies the rules to the known images, without changing anything. */
export async function planImages(context: GarbageContext, images: ImageStore): Promise<ImagePlan> {
  const { store, runtime, instanceId, signal } = context;
  const plan: ImagePlan = { remove: [], release: [], forget: [] };
  const known: KnownImage[] = [];
  for (const used of runtime === undefined ? [] : await store.images.list(runtime.name)) {
    const image = await images.find(used.id, signal);
    if (image === undefined) plan.forget.push(used);
    else known.push({ used, image, currentNames: await currentNames(used, images, signal) });
  }
  const busy = await activeImages(store);
  for (const one of surplus(known, context)) {
    if (one.used.references.some((reference) => busy.has(reference))) continue;
    // An older image of a wanted name is not wanted.
    if (one.currentNames.some((name) => context.rules.wantedImages.includes(name))) continue;
    if (!one.used.pulled || isPinnedByOthers(one, instanceId)) plan.release.push(one);
    else if (hasForeignName(one, instanceId)) plan.forget.push(one.used);
    else if (!(await images.isInUse(one.used.id, signal))) plan.remove.push(one);
  }
  return plan;
}

/** Images beyond the limits for recently used ones, except young ones that a job may be about to use. */
function surplus(known: readonly KnownImage[], { rules, now }: GarbageContext): KnownImage[] {
  return [true, false].flatMap((pulled) => {
    const room = { count: rules.keepImages, bytes: rules.keepImageBytes };
    return known.filter(({ used, image, currentNames }) => {
      if (used.pulled !== pulled) return false;
      if (currentNames.length > 0) {
        room.count -= 1;
        room.bytes -= image.sizeBytes;
        if (room.count >= 0 && room.bytes >= 0) return false;
      }
      return used.usedAt.getTime() <= now() - rules.graceMs;
    });
  });
}

/** The names by which active jobs request their images. */
export async function activeImages(store: JobStore): Promise<Set<string>> {
  const names = new Set<string>();
  for (const jobId of await store.listActive()) {
    // The job has just finished or is unreadable. Its container keeps its image in use.
    const record = await store.readActive(jobId).catch(() => undefined);
    if (record !== undefined) names.add(record.image);
  }
  return names;
}

export async function currentNames(used: UsedImage, images: ImageStore, signal?: AbortSignal): Promise<string[]> {
  const current: string[] = [];
  for (const reference of used.references) {
    if ((await images.find(reference, signal))?.id === used.id) current.push(reference);
  }
  return current;
}

export function isPinnedByOthers({ image }: Pick<KnownImage, 'image'>, instanceId: string): boolean {
  const own = pinName(instanceId, image.id);
  return image.names.some((name) => isPin(name) && name !== own);
}

export function hasForeignName({ used, image }: Pick<KnownImage, 'used' | 'image'>, instanceId: string): boolean {
  const own = pinName(instanceId, image.id);
  return image.names.some(
    (name) => name !== own && !used.references.some((reference) => sameImageName(reference, name)),
  );
}
