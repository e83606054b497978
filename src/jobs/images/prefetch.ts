/** Pulls the images of `images.prefetch` before a job needs them. */
import { createHash } from 'node:crypto';
import type { Config } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { isImageAllowed } from '../../runtimes/image-policy.ts';
import { hasContainersHere, type Runtime } from '../../runtimes/runtime.ts';
import type { JobStore } from '../store.ts';
import { pullImage } from './pull-image.ts';

export interface PrefetchOptions {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  instanceId: string;
  /** Returns why the disk has too little space; undefined if there is enough. */
  lowDiskReason: () => Promise<string | undefined>;
  logger: Logger;
}

/** Returns why the images are not pulled ahead; undefined if they are. */
export function whyNotPrefetched({ config, runtime }: Pick<PrefetchOptions, 'config' | 'runtime'>): string | undefined {
  if (config.images.prefetch.length === 0) return undefined;
  if (config.images.pullPolicy === 'never') return 'images.pull_policy is "never"';
  return hasContainersHere(runtime.name) ? undefined : `the runtime ${runtime.name} pulls no images`;
}

/** Pulls one image after the other, by the policy. A failure is logged. @throws the reason of the signal */
export async function prefetchImages(options: PrefetchOptions, signal: AbortSignal): Promise<void> {
  const { config, lowDiskReason, logger } = options;
  if (whyNotPrefetched(options) !== undefined) return;
  for (const image of config.images.prefetch) {
    signal.throwIfAborted();
    const refusal = isImageAllowed(image, config.images.allowed)
      ? await lowDiskReason()
      : 'it is not allowed on this runner (images.allowed)';
    if (refusal !== undefined) {
      logger.warn('image not prefetched', { image, reason: refusal });
      continue;
    }
    try {
      await prefetch(image, options, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn('image not prefetched', { image, reason: formatError(error) });
    }
  }
}

async function prefetch(image: string, options: PrefetchOptions, signal: AbortSignal): Promise<void> {
  const { instanceId, logger } = options;
  const startedAt = systemClock.now();
  // The same in each run, so that a pull that a crash interrupted is continued.
  const jobId = `prefetch-${createHash('sha256').update(image).digest('hex').slice(0, 16)}`;
  await using _image = await pullImage({ jobId, image, instanceId }, options, signal);
  logger.info('image prefetched', { image, duration_ms: Math.round(systemClock.now() - startedAt) });
}
