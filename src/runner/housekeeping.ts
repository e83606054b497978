import { collectGarbage } from '../jobs/garbage/collect.ts';
import { describeCollection, type GarbageContext } from '../jobs/garbage/garbage.ts';
import { systemClock } from '../lib/clock.ts';
import { environmentFailure } from '../lib/environment-failure.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';

export interface HousekeepingOptions extends Omit<GarbageContext, 'now' | 'signal'> {
  logger: Logger;
  /** Returns for how long the ages of files are not to be trusted. */
  ageDistrustMs: () => Promise<number>;
  sleep?: Sleep;
  now?: () => number;
}

// Delayed, so that it does not slow down the start.
const firstAfterMs = 5000;
const everyMs = 3_600_000;

/** Removes garbage shortly after the start and then every hour, until disposed. */
export function startHousekeeping({
  sleep: wait = sleep,
  now = () => systemClock.date().getTime(),
  ageDistrustMs,
  ...context
}: HousekeepingOptions): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const { logger } = context;
  const work = (async () => {
    for (let delayMs = firstAfterMs; ; delayMs = everyMs) {
      await wait(delayMs, signal);
      try {
        const waitMs = await ageDistrustMs();
        if (waitMs > 0) logger.warn('date has jumped, not removing files by age', { duration_ms: Math.round(waitMs) });
        await clean({ ...context, now, signal }, logger, waitMs === 0);
      } catch (error) {
        // A disk or descriptors that fail now may work in an hour.
        if (environmentFailure(error) === undefined) throw error;
        logger.warn('cannot collect garbage, retrying', { error });
      }
    }
  })().catch((error: unknown) => {
    if (!isAbort(error, signal)) logger.error('garbage collection stopped', { error });
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await work;
    },
  };
}

async function clean(context: GarbageContext, logger: Logger, trustAges: boolean): Promise<void> {
  const { removed, failures } = await collectGarbage(context, { trustAges });
  if (removed.length > 0) logger.info('garbage removed', { removed: describeCollection(removed) });
  for (const { what, error } of failures) logger.warn('cannot remove garbage', { item: what, error });
}
