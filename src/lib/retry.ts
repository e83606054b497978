import { Backoff, type BackoffLimits } from './backoff.ts';
import { systemClock } from './clock.ts';
import type { Logger } from './logger.ts';
import { sleep as realSleep, type Sleep } from './sleep.ts';

export interface RetryOptions {
  backoff: BackoffLimits;
  signal?: AbortSignal | undefined;
  /** How often `work` is called at most. */
  maxAttempts?: number;
  /** Time of `systemClock.now()` after which no attempt begins. The last one is made at that time. */
  deadline?: number;
  /** Whether another attempt can help; by default always. `attempt` counts from 1. */
  shouldRetry?: (error: unknown, attempt: number) => boolean | Promise<boolean>;
  /** Replaces the backoff for some errors (0 to retry at once); undefined leaves it to the backoff. */
  retryDelayMs?: (error: unknown, attempt: number) => number | undefined;
  /** Called before each wait, for a log line at the first failure. */
  onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  sleep?: Sleep;
  random?: () => number;
}

/**
 * Calls `work` until it succeeds, with exponential backoff and full jitter between attempts. An error with `retryAfterMs`
 * delays the next attempt by at least that long.
 * @throws the last error if no further attempt is made; the signal's reason if it is aborted
 */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, maxAttempts = Number.POSITIVE_INFINITY, deadline = Number.POSITIVE_INFINITY } = options;
  const { shouldRetry = () => true, retryDelayMs, onRetry, sleep = realSleep, random } = options;
  const backoff = new Backoff(options.backoff, random);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      const remainingMs = deadline - systemClock.now();
      const retryAfterMs = retryAfter(error);
      if (attempt >= maxAttempts || remainingMs <= 0 || retryAfterMs > remainingMs) throw error;
      if (!(await shouldRetry(error, attempt))) throw error;
      const delayMs = Math.min(remainingMs, retryDelayMs?.(error, attempt) ?? backoff.next(retryAfterMs));
      onRetry?.(error, attempt, delayMs);
      await sleep(delayMs, signal);
    }
  }
}

export interface RetryForeverOptions {
  /** Logged at the first failure: `cannot save kill request, retrying`. */
  failure: string;
  logger: Logger;
  signal?: AbortSignal | undefined;
  sleep?: Sleep;
}

const foreverBackoff = { minMs: 500, maxMs: 15_000 };

/** Retries what must succeed sooner or later, such as a write to a full disk. Rejects only with the signal's reason. */
export function retryForever<T>(work: () => Promise<T>, options: RetryForeverOptions): Promise<T> {
  const { failure, logger, signal, sleep = realSleep } = options;
  const onRetry = (error: unknown, attempt: number) => {
    if (attempt === 1) logger.warn(failure, { error });
  };
  return retry(work, { backoff: foreverBackoff, signal, onRetry, sleep });
}

function retryAfter(error: unknown): number {
  const { retryAfterMs } = error instanceof Error && 'retryAfterMs' in error ? error : { retryAfterMs: 0 };
  return typeof retryAfterMs === 'number' ? retryAfterMs : 0;
}
