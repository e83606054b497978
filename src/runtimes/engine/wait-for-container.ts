/** Watches a container to its end, and takes its log up again where its client was cut off. */
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { type Container, inspectPatiently } from './inspect.ts';
import { type LogPieceOptions, type LogWriter, noteUnwatched, takeUpLog } from './resume-log.ts';

const retryMs = 1000;
// An engine can go on waiting for what has ended.
const maxWaitMs = 10_000;
const unwatchedMs = 2000;

/**
 * Resolves when the container has ended, with undefined if there is none. Containers can outlive their client, which wrote
 * the log: then the log is taken up again as far as that is possible, and says what is missing in it.
 */
export async function watchContainer(
  job: JobPaths,
  client: shim.ShimExit,
  options: LogPieceOptions,
): Promise<Container | undefined> {
  const { run, logger, signal } = options;
  // Of the client and its successors, the last.
  let writer: LogWriter = {
    piece: 0,
    endedAt: client.endedAt,
    isCutOff: async ({ exitCode }) =>
      client.exitCode === undefined
        ? // Where only the supervisor is gone, the client is there and writes on.
          !client.machineRestarted && !(await shim.isLogWritten(job.folder))
        : client.exitCode !== exitCode,
  };
  for (let round = 1; ; round += 1) {
    const container = await inspectPatiently(run, { jobId: job.jobId, logger, signal });
    if (container?.isUnwatched) await noteUnwatched(job, options);
    const isLogLost = container?.wasStarted && !container.isUnwatched && (await writer.isCutOff(container));
    if (!container || !(container.isRunning || isLogLost)) return container;
    if (round > 1) await sleep(retryMs, signal);
    if (isLogLost) writer = await takeUpLog(job, { container, before: writer, options });
    else if (container.isUnwatched) await sleep(unwatchedMs, signal);
    else await run(['wait', job.jobId], { signal, timeoutMs: maxWaitMs, exitWithParent: true });
  }
}
