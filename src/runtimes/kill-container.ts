/** Ends a container, in bounded time whatever its engine does. */
import { silentLogger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { inspectContainer } from './container.ts';
import { quickMs, removalMs, said } from './container-client.ts';
import type { RunEngine } from './run-engine.ts';
import { type JobPlace, RuntimeError } from './runtime.ts';
import * as supervisor from './supervisor.ts';
import { waitForClient } from './watch-client.ts';

const beginningMs = 200;
// A client that has made no container by then is stuck.
const maxBeginningMs = 60_000;
// From SIGKILL to the end, on a busy machine.
const maxEndingMs = 30_000;
const waitMs = 5000;

/**
 * SIGTERM, after `graceMs` SIGKILL, and should neither do, the container is removed and its client ended.
 * @throws RuntimeError when the engine doesn't answer, or can't do it
 */
export async function killContainer(run: RunEngine, job: JobPlace, graceMs: number): Promise<void> {
  let reason = 'it goes on';
  if (await isToBeKilled(run, job)) {
    await run(['kill', '--signal', 'TERM', job.jobId], { timeoutMs: quickMs });
    if (await isOverWithin(graceMs, run, job)) return;
    reason = await runAndTell(run, ['kill', '--signal', 'KILL', job.jobId], quickMs);
  }
  if (await isOverWithin(maxEndingMs, run, job)) return;
  await supervisor.endCommand(job.folder);
  if (!(await inspectContainer(run, job.jobId))?.isRunning) return;
  reason = (await runAndTell(run, ['rm', '--force', '--volumes', job.jobId], removalMs)) || reason;
  if ((await inspectContainer(run, job.jobId))?.isRunning) {
    throw new RuntimeError(`cannot kill the container ${job.jobId}: ${reason}`);
  }
}

/** What the engine said of its failure; empty when there was none. */
async function runAndTell(run: RunEngine, args: readonly string[], timeoutMs: number): Promise<string> {
  const result = await run(args, { timeoutMs });
  return result.exitCode === 0 ? '' : said(result);
}

/** False when nothing runs. A container that is being started is waited for: it can't be killed before. */
async function isToBeKilled(run: RunEngine, job: JobPlace): Promise<boolean> {
  const deadline = performance.now() + maxBeginningMs;
  for (;;) {
    const isBeginning = await supervisor.isRunning(job.folder);
    const container = await inspectContainer(run, job.jobId);
    if (container?.isRunning) return true;
    if (!isBeginning || container?.wasStarted || performance.now() > deadline) return false;
    await sleep(beginningMs);
  }
}

/** Whether both container and client end in time. False also when the engine doesn't answer. */
async function isOverWithin(ms: number, run: RunEngine, job: JobPlace): Promise<boolean> {
  const signal = AbortSignal.timeout(ms);
  try {
    await waitForClient(job, { run, logger: silentLogger, signal });
    while ((await inspectContainer(run, job.jobId, signal))?.isRunning) {
      signal.throwIfAborted();
      // It can go on waiting for a container whose end nobody records.
      await run(['wait', job.jobId], { signal, timeoutMs: waitMs, leash: true });
    }
    return true;
  } catch {
    return false;
  }
}
