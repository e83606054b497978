import { performance } from 'node:perf_hooks';
import { ExitCode, formatError } from '../../../lib/errors.ts';
import type { Check, CheckContext } from './check.ts';
import type { Finding } from './finding.ts';

export interface Outcome extends Finding {
  check: Check;
  durationMs: number;
}

export interface RunOptions {
  /** For all checks together, since they run at once. */
  timeoutMs: number;
  /** Called with the checks that are not done yet, whenever one is. */
  onProgress: (pending: readonly Check[]) => void;
}

/** Runs all checks at once, and yields what they found in their order, each as soon as those before it are known. */
export async function* runChecks(
  checks: readonly Check[],
  context: CheckContext,
  { timeoutMs, onProgress }: RunOptions,
): AsyncGenerator<Outcome, void> {
  const expired = AbortSignal.timeout(timeoutMs);
  const bounded = { ...context, signal: AbortSignal.any([context.signal, expired]) };
  const pending = new Set(checks);
  onProgress([...pending]);
  const outcomes = checks.map(async (check) => {
    const start = performance.now();
    const finding = await runCheck(check, bounded, expired);
    pending.delete(check);
    onProgress([...pending]);
    return { ...finding, check, durationMs: Math.round(performance.now() - start) };
  });
  for (const outcome of outcomes) {
    yield await outcome;
    context.signal.throwIfAborted();
  }
}

async function runCheck(check: Check, context: CheckContext, expired: AbortSignal): Promise<Finding> {
  try {
    // A check that doesn't look at the signal, stuck in a dead network drive for instance, is not waited for either.
    return await Promise.race([check.run(context), rejectionOf(context.signal)]);
  } catch (error) {
    const found = expired.aborted ? 'it took too long' : `the check itself failed: ${formatError(error)}`;
    const text = expired.aborted ? 'Try again; what it waits for does not answer.' : 'Please report it.';
    return { status: 'failed', found: [found], remedies: [{ text }], exitCode: ExitCode.failed };
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return promise;
}
