import { type PrefetchOptions, prefetchImages, whyNotPrefetched } from '../jobs/images/prefetch.ts';
import { isAbort } from '../lib/errors.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';

const everyMs = 3_600_000;

/** Pulls the images of `images.prefetch` at once and then every hour, until disposed. */
export function startPrefetch({
  sleep: wait = sleep,
  ...options
}: PrefetchOptions & { sleep?: Sleep }): AsyncDisposable {
  const { config, logger } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const reason = whyNotPrefetched(options);
  if (reason !== undefined) logger.warn('setting ignored', { setting: 'images.prefetch', reason });
  if (config.images.prefetch.length === 0 || reason !== undefined) return { [Symbol.asyncDispose]: async () => {} };
  const work = (async () => {
    for (;;) {
      await prefetchImages(options, signal);
      await wait(everyMs, signal);
    }
  })().catch((error: unknown) => {
    if (!isAbort(error, signal)) logger.error('prefetch of images stopped', { error });
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await work;
    },
  };
}
