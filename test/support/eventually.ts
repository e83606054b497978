import { setTimeout as delay } from 'node:timers/promises';

/** Tries `check` again and again until it gives something other than undefined and false. For what another process does. */
export async function eventually<T>(check: () => Promise<T | undefined | false>, timeoutMs = 5_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > end) throw new Error(`it did not happen within ${timeoutMs} ms: ${String(check)}`);
    await delay(5);
  }
}
