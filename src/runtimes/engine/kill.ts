/** Kills a container in bounded time, even if its engine hangs. */
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs, type RunEngine, removalTimeoutMs } from './client.ts';
import { inspectContainer } from './inspect.ts';
import { waitForClient } from './wait-for-client.ts';

const startPollMs = 200;
// A client that has not created a container by then is stuck.
const maxStartMs = 60_000;
// From SIGKILL to the exit, on a busy machine.
const maxExitMs = 30_000;
const waitMs = 5000;

/**
 * Sends SIGTERM, and SIGKILL after `graceMs`. If neither works, kills the client and removes the container.
 * @throws RuntimeError if the engine does not respond, or the container is still running
 */
export async function killContainer(run: RunEngine, job: JobPaths, graceMs: number): Promise<void> {
  let reason = 'it is still running';
  if (await isRunningOrStarting(run, job)) {
    await run(['kill', '--signal', 'TERM', job.jobId], { timeoutMs: queryTimeoutMs });
    if (await exitsWithin(graceMs, run, job)) return;
    reason = await errorOf(run, ['kill', '--signal', 'KILL', job.jobId], queryTimeoutMs);
  }
  if (await exitsWithin(maxExitMs, run, job)) return;
  await shim.killCommand(job.folder);
  if (!(await inspectContainer(run, job.jobId))?.isRunning) return;
  reason = (await errorOf(run, ['rm', '--force', '--volumes', job.jobId], removalTimeoutMs)) || reason;
  if ((await inspectContainer(run, job.jobId))?.isRunning) {
    throw new RuntimeError(`cannot kill the container ${job.jobId}: ${reason}`);
  }
}

/** The engine's error; empty if the command succeeded. */
async function errorOf(run: RunEngine, args: readonly string[], timeoutMs: number): Promise<string> {
  const result = await run(args, { timeoutMs });
  return result.exitCode === 0 ? '' : lastErrorLine(result);
}

/** Waits for a container that is being started, because it can't be killed before. */
async function isRunningOrStarting(run: RunEngine, job: JobPaths): Promise<boolean> {
  const deadline = systemClock.now() + maxStartMs;
  for (;;) {
    const isStarting = await shim.isRunning(job.folder);
    const container = await inspectContainer(run, job.jobId);
    if (container?.isRunning) return true;
    if (!isStarting || container?.wasStarted || systemClock.now() > deadline) return false;
    await sleep(startPollMs);
  }
}

/** Whether both container and client exit in time. False too if the engine does not respond. */
async function exitsWithin(ms: number, run: RunEngine, job: JobPaths): Promise<boolean> {
  const signal = AbortSignal.timeout(ms);
  try {
    await waitForClient(job, { run, logger: silentLogger, signal });
    while ((await inspectContainer(run, job.jobId, signal))?.isRunning) {
      signal.throwIfAborted();
      // `wait` can hang if the exit of the container is not recorded.
      await run(['wait', job.jobId], { signal, timeoutMs: waitMs, exitWithParent: true });
    }
    return true;
  } catch {
    return false;
  }
}
