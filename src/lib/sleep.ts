// A longer timer fires at once.
const maxTimerMs = 2 ** 31 - 1;

/** Waits `ms` milliseconds, at most 24 days. Rejects with the signal's reason as soon as it is aborted. Runs in browsers too. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(
    () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    },
    Math.min(ms, maxTimerMs),
  );
  signal?.addEventListener('abort', abort, { once: true });
  return promise;
}

/** For a parameter, so that tests control the time. */
export type Sleep = typeof sleep;
