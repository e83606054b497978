import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';

export interface PersevereOptions {
  /** What can't be done, for people: "the job’s container could not be removed". */
  failure: string;
  logger: Logger;
  signal: AbortSignal;
  sleep?: Sleep;
}

const backoffLimits = { minMs: 500, maxMs: 15_000 };

/**
 * Does what has to be done sooner or later, such as writing to a disk that is full or removing a container while its engine
 * is down. The first failure is logged. Rejects only with the signal's reason.
 */
export async function persevere<T>(work: () => Promise<T>, options: PersevereOptions): Promise<T> {
  const { failure, logger, signal, sleep: wait = sleep } = options;
  const backoff = new Backoff(backoffLimits);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (backoff.attempts === 0) logger.warn(`${failure}; it is tried again until it works`, { error });
      await wait(backoff.next(), signal);
    }
  }
}
