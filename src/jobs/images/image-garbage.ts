import { describeDuration } from '../../lib/format-duration.ts';
import type { ImageStore } from '../../runtimes/runtime.ts';
import type { Garbage, GarbageContext } from '../garbage/garbage.ts';
import {
  activeImages,
  currentNames,
  hasForeignName,
  isPinnedByOthers,
  type KnownImage,
  planImages,
} from './image-garbage-plan.ts';
import { pinName } from './image-pin.ts';
import { completePull } from './pull-image.ts';

/** Images that were pulled for jobs and are no longer needed. */
export async function* findImages(context: GarbageContext): AsyncGenerator<Garbage> {
  const images = context.runtime?.images;
  if (images === undefined) return;
  const { remove } = await planImages(context, images);
  for (const one of remove) {
    const { used, image, currentNames } = one;
    const isReplaced = currentNames.length === 0;
    yield {
      kind: 'image',
      name: isReplaced ? `${used.references[0]} (${used.id.slice(0, 12)})` : currentNames.join(', '),
      bytes: image.sizeBytes,
      reason: isReplaced
        ? 'replaced by a newer image'
        : `last used ${describeDuration(context.now() - used.usedAt.getTime())} ago`,
      remove: () => removeImage(one, context, images),
    };
  }
}

async function removeImage({ used }: KnownImage, context: GarbageContext, images: ImageStore): Promise<boolean> {
  const { store, instanceId } = context;
  const image = await images.find(used.id);
  if (image === undefined) {
    await store.images.forget(used);
    return false;
  }
  const names = await currentNames(used, images);
  const busy = await activeImages(store);
  const isUsedAgain = (await store.images.lastUse(used))?.getTime() !== used.usedAt.getTime();
  if (isUsedAgain || used.references.some((reference) => busy.has(reference))) return false;
  if (isPinnedByOthers({ image }, instanceId) || hasForeignName({ used, image }, instanceId)) return false;
  if (await images.isInUse(image.id)) return false;
  // The pin first: if the engine refuses to remove the last name, the image keeps the one that jobs request.
  const pin = pinName(instanceId, image.id);
  for (const name of [pin, ...names]) {
    if ((await images.find(name))?.id === image.id) await images.remove(name);
  }
  const nameless = await images.find(image.id);
  // It was named a moment ago.
  if (nameless !== undefined && nameless.names.length > 0) return false;
  if (nameless !== undefined) await images.remove(image.id);
  await store.images.forget(used);
  return true;
}

/**
 * Updates the records: completes pulls that a crash interrupted, unpins images that only other runners need, and forgets
 * images that are gone.
 */
export async function tidyImages(context: GarbageContext): Promise<void> {
  const { store, runtime, instanceId } = context;
  const images = runtime?.images;
  if (images === undefined) return;
  for (const pull of await store.images.listPulls()) {
    if (pull.runtime === runtime?.name && !(await store.isActive(pull.jobId)))
      await completePull(pull, images, store, instanceId);
  }
  const { release, forget } = await planImages(context, images);
  for (const { used, image } of release) {
    const pin = pinName(instanceId, image.id);
    // Never the last name, with which the image would be removed.
    if (image.names.includes(pin) && image.names.length > 1) await images.remove(pin);
    if (!used.pulled) await store.images.forget(used);
  }
  for (const used of forget) {
    const pin = pinName(instanceId, used.id);
    const names = (await images.find(used.id))?.names ?? [];
    if (names.includes(pin) && names.length > 1) await images.remove(pin);
    await store.images.forget(used);
  }
}
