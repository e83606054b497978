/** Waits for a container, and resumes its log if its client was lost. */
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { type Container, inspectWithRetries } from './inspect.ts';
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
    isCutOff: async ({ exitCode }) =>
      client.exitCode === undefined
        ? // If only the shim is gone, the client is still writing.
          !client.machineRestarted && !(await shim.isLogWritten(job.folder))
        : client.exitCode !== exitCode,
  };
  for (let round = 1; ; round += 1) {
    const container = await inspectWithRetries(run, { jobId: job.jobId, logger, signal });
    if (container?.isUnwatched) await noteUnwatched(job, options);
    const isLogLost = container?.wasStarted && !container.isUnwatched && (await writer.isCutOff(container));
    if (!container || !(container.isRunning || isLogLost)) return container;
    if (round > 1) await sleep(retryMs, signal);
    if (isLogLost) writer = await resumeLog(job, { container, before: writer, options });
    else if (container.isUnwatched) await sleep(unwatchedMs, signal);
    else await run(['wait', job.jobId], { signal, timeoutMs: maxWaitMs, exitWithParent: true });
  }
}
