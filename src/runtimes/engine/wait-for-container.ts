/** Waits for a container, and resumes its log if its client was lost. */
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { type Container, inspectWithRetries } from './inspect.ts';
import { passedLogDriver } from './log-driver.ts';
import { type LogWriter, noteUnwatched, type ResumeLogOptions, resumeLog } from './resume-log.ts';

const retryMs = 1000;
// An engine can keep waiting for a container that has exited.
const maxWaitMs = 10_000;
const unwatchedMs = 2000;

/**
 * Resolves when the container has exited; with undefined if there is none. A container can outlive its client, which wrote
 * the log: then the log is resumed as far as possible, and notes how it is incomplete.
 */
export async function waitForContainer(
  job: JobPaths,
  client: shim.ShimExit,
  options: ResumeLogOptions,
): Promise<Container | undefined> {
  const { run, logger, signal } = options;
  let writer: LogWriter = {
    index: 0,
    endedAt: client.endedAt,
    isCutOff: async ({ exitCode, isRunning, logDriver }) => {
      // If only the shim is gone, the client is still writing. With this driver, the agent writes without it.
      const isWritten = () => shim.isLogWritten(job.folder);
      if (client.exitCode === undefined) return !client.machineRestarted && !(await isWritten());
      if (logDriver === passedLogDriver) return isRunning && !(await isWritten());
      return client.exitCode !== exitCode;
    },
  };
  for (let round = 1; ; round += 1) {
    const container = await inspectWithRetries(run, { jobId: job.jobId, logger, signal });
    const isPassed = container?.logDriver === passedLogDriver;
    if (container?.isUnwatched && !isPassed) await noteUnwatched(job, options);
    const isLogLost = container?.wasStarted && !container.isUnwatched && (await writer.isCutOff(container));
    if (!container || !(container.isRunning || isLogLost)) {
      if (isPassed && client.exitCode !== container.exitCode) await untilWritten(job, signal);
      return container;
    }
    if (round > 1) await sleep(retryMs, signal);
    if (isLogLost) writer = await resumeLog(job, { container, before: writer, options });
    else if (container.isUnwatched) await sleep(unwatchedMs, signal);
    else await run(['wait', job.jobId], { signal, timeoutMs: maxWaitMs, exitWithParent: true });
  }
}

/** Resolves when the log has what the agent wrote. A log writer that a disk keeps waiting must not keep the job. */
async function untilWritten({ folder }: JobPaths, signal: AbortSignal | undefined): Promise<void> {
  for (let tries = 0; tries < 50 && (await shim.isLogWritten(folder)); tries += 1) await sleep(100, signal);
}
