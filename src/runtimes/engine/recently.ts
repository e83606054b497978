import { systemClock } from '../../lib/clock.ts';

/**
 * Returns the query with a memory of `lifetimeMs`. Calls at the same time share one query. A failure, or undefined, is not
 * remembered.
 */
export function recently<T>(
  ask: () => Promise<T | undefined>,
  lifetimeMs: number,
  now = systemClock.now,
): () => Promise<T | undefined> {
  let known: { result: Promise<T | undefined>; until: number } | undefined;
  return () => {
    if (known !== undefined && known.until > now()) return known.result;
    const asked = { result: ask(), until: now() + lifetimeMs };
    known = asked;
    const forget = () => {
      if (known === asked) known = undefined;
    };
    asked.result.then((found) => found ?? forget(), forget);
    return asked.result;
  };
}
