import { makeEnginesDir, sweepAbandonedEngines } from './engines/folder.ts';
import { type Engines, startEngines } from './engines.ts';

let started: (Engines & AsyncDisposable) | undefined;

/** Starts the engines once for all the test files of a run; for `node --test --test-global-setup` too. */
export async function globalSetup(): Promise<void> {
  await sweepAbandonedEngines();
  started = await startEngines({ dir: await makeEnginesDir(), signal: AbortSignal.timeout(60_000) });
  // Every test file is a process of its own, and inherits this.
  process.env['PLAN42_TEST_ENGINES'] = JSON.stringify(started);
}

/** Stops the engines, removes their containers and deletes their files. */
export async function globalTeardown(): Promise<void> {
  await started?.[Symbol.asyncDispose]();
}
