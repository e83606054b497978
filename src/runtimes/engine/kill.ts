/** Ends a container, in bounded time whatever its engine does. */
import { silentLogger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs, removalTimeoutMs } from './client.ts';
import { inspectContainer } from './inspect.ts';
import type { RunEngine } from './run-engine.ts';
import { waitForClient } from './wait-for-client.ts';

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
export async function killContainer(run: RunEngine, job: JobPaths, graceMs: number): Promise<void> {
  let reason = 'it goes on';
  if (await isToBeKilled(run, job)) {
    await run(['kill', '--signal', 'TERM', job.jobId], { timeoutMs: queryTimeoutMs });
    if (await isOverWithin(graceMs, run, job)) return;
    reason = await runAndTell(run, ['kill', '--signal', 'KILL', job.jobId], queryTimeoutMs);
  }
  if (await isOverWithin(maxEndingMs, run, job)) return;
  await shim.killCommand(job.folder);
  if (!(await inspectContainer(run, job.jobId))?.isRunning) return;
  reason = (await runAndTell(run, ['rm', '--force', '--volumes', job.jobId], removalTimeoutMs)) || reason;
  if ((await inspectContainer(run, job.jobId))?.isRunning) {
    throw new RuntimeError(`cannot kill the container ${job.jobId}: ${reason}`);
  }
}

/** The engine's error; empty if the command succeeded. */
async function runAndTell(run: RunEngine, args: readonly string[], timeoutMs: number): Promise<string> {
  const result = await run(args, { timeoutMs });
  return result.exitCode === 0 ? '' : lastErrorLine(result);
}

/** False when nothing runs. A container that is being started is waited for: it can't be killed before. */
async function isToBeKilled(run: RunEngine, job: JobPaths): Promise<boolean> {
  const deadline = performance.now() + maxBeginningMs;
  for (;;) {
    const isBeginning = await shim.isRunning(job.folder);
    const container = await inspectContainer(run, job.jobId);
    if (container?.isRunning) return true;
    if (!isBeginning || container?.wasStarted || performance.now() > deadline) return false;
    await sleep(beginningMs);
  }
}

/** Whether both container and client end in time. False also when the engine doesn't answer. */
async function isOverWithin(ms: number, run: RunEngine, job: JobPaths): Promise<boolean> {
  const signal = AbortSignal.timeout(ms);
  try {
    await waitForClient(job, { run, logger: silentLogger, signal });
    while ((await inspectContainer(run, job.jobId, signal))?.isRunning) {
      signal.throwIfAborted();
      // It can go on waiting for a container whose end nobody records.
      await run(['wait', job.jobId], { signal, timeoutMs: waitMs, exitWithParent: true });
    }
    return true;
  } catch {
    return false;
  }
}
