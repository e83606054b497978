import { systemClock } from '../../lib/clock.ts';

/** Returns the query with a memory of `lifetimeMs`. Calls at the same time share one query; a failure is not remembered. */
export function recently<T>(ask: () => Promise<T>, lifetimeMs: number, now = systemClock.now): () => Promise<T> {
  let known: { result: Promise<T>; until: number } | undefined;
  return () => {
    if (known !== undefined && known.until > now()) return known.result;
    const asked = { result: ask(), until: now() + lifetimeMs };
    known = asked;
    asked.result.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked.result;
  };
}
