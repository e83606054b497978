/**
 * The results of `work` for all items, in order, at most `limit` at a time. The first failure aborts the signal of the
 * others and is thrown after all have settled.
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  limit: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(signal.reason);
  signal.addEventListener('abort', forward, { once: true });
  const results: Result[] = [];
  // Shared, so that each item is taken once.
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) {
      if (stop.signal.aborted) return;
      try {
        results[index] = await work(item, stop.signal);
      } catch (error) {
        // Only the first has an effect.
        stop.abort(error);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: limit }, worker));
  } finally {
    signal.removeEventListener('abort', forward);
  }
  stop.signal.throwIfAborted();
  return results;
}
