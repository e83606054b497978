import { type FSWatcher, watch } from 'node:fs';

const recheckMs = 1000;

/**
 * Resolves with the first result of `check` that is not undefined. It is called immediately, on every change in `folder`, and
 * once a second, because notifications can be missing (network file systems, exhausted limits).
 */
export async function watchUntil<T>(
  folder: string,
  check: () => Promise<T | undefined>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const once = coalesce(async () => {
    const result = await check();
    if (result !== undefined) resolve(result);
  }, reject);
  const watcher = tryWatch(folder, once);
  const timer = setInterval(once, recheckMs);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    once();
    return await promise;
  } finally {
    watcher?.close();
    clearInterval(timer);
    signal?.removeEventListener('abort', abort);
  }
}

// One check at a time; changes during a check lead to one more.
function coalesce(work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let state: 'idle' | 'busy' | 'again' = 'idle';
  const trigger = () => {
    if (state !== 'idle') {
      state = 'again';
      return;
    }
    state = 'busy';
    work()
      .catch(onError)
      .finally(() => {
        const again = state === 'again';
        state = 'idle';
        if (again) trigger();
      });
  };
  return trigger;
}

function tryWatch(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: true }, onChange).on('error', () => {});
  } catch {
    return undefined;
  }
}
