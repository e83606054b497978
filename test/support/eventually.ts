import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `check` until its result is neither undefined nor false. For the effects of another process. The default timeout
 * is generous, because it only ends tests that fail; on a busy machine everything takes ten times as long.
 */
export async function eventually<T>(check: () => Promise<T | undefined | false>, timeoutMs = 60_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > end) throw new Error(`not reached within ${timeoutMs} ms: ${String(check)}`);
    await delay(5);
  }
}
