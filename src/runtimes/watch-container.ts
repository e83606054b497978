/** Watches a container to its end, and takes its log up again where its client was cut off. */
import { join } from 'node:path';
import type { Logger } from '../lib/logger.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { sleep } from '../lib/sleep.ts';
import { type Container, inspectPatiently } from './container.ts';
import { findContinuation } from './lost-log.ts';
import type { RunEngine } from './run-engine.ts';
import type { JobPlace } from './runtime.ts';
import * as supervisor from './supervisor.ts';

export interface WatchOptions {
  /** The engine's. */
  command: string;
  env: NodeJS.ProcessEnv;
  run: RunEngine;
  /** Of the job's log. */
  maxLogBytes: number;
  logger: Logger;
  signal: AbortSignal | undefined;
}

/** What writes the job's log: the client, or after a restart of the daemon what takes its place. */
interface LogWriter {
  endedAt: Date;
  /** Whether it has not written to the end. */
  isCutOff: (container: Container) => boolean;
}

/** Of containers whose engine keeps what they write, within bounds. */
export const keptLogDriver = 'local';
const retryMs = 1000;

/**
 * Resolves when the container has ended, with undefined if there is none. Docker's containers can outlive its daemon, and
 * with it their client, which wrote the log: then the log is taken up again from what the engine has kept since.
 */
export async function watchContainer(
  job: JobPlace,
  client: supervisor.SupervisedExit,
  options: WatchOptions,
): Promise<Container | undefined> {
  const { run, logger, signal } = options;
  // Of the client and its successors, the last. Where the supervisor is gone, the client may well be there and write on.
  let writer: LogWriter = {
    endedAt: client.endedAt,
    isCutOff: ({ exitCode }) => client.exitCode !== undefined && client.exitCode !== exitCode,
  };
  for (let round = 1; ; round += 1) {
    const container = await inspectPatiently(run, { jobId: job.jobId, logger, signal });
    const isLogLost = container?.logDriver === keptLogDriver && container.wasStarted && writer.isCutOff(container);
    if (!container?.isRunning && !isLogLost) return container;
    if (round > 1) await sleep(retryMs, signal);
    if (isLogLost) writer = await takeUpLog(job, { round, lostAt: writer.endedAt, options });
    else await run(['wait', job.jobId], { signal });
  }
}

/** Appends to the log what the engine has kept since its writer was lost, to the end of the container. */
async function takeUpLog(
  job: JobPlace,
  { round, lostAt, options }: { round: number; lostAt: Date; options: WatchOptions },
): Promise<LogWriter> {
  const { command, env, maxLogBytes, logger, signal } = options;
  const folder = join(job.folder, `log-${round}`);
  try {
    await makeFolder(folder);
    if (!(await supervisor.wasStarted(folder))) {
      const since = await findContinuation({ command, env, ...job, lostAt, signal });
      await supervisor.launch({
        job: { ...job, folder, requestFile: '/dev/null', maxLogBytes },
        command: [command, 'logs', '--follow', '--since', since, job.jobId],
        env,
        cwd: folder,
      });
      logger.info('the job’s log is taken up again', { job_id: job.jobId, lost_at: lostAt.toISOString() });
    }
  } catch (error) {
    signal?.throwIfAborted();
    logger.warn('the job’s log can’t be taken up again: what comes is missing in it', { job_id: job.jobId, error });
    return { endedAt: lostAt, isCutOff: () => false };
  }
  const { exitCode, endedAt } = await supervisor.waitForExit(folder, signal);
  const beganAtMs = await supervisor.launchedAtMs(folder);
  // One that follows can miss the last lines (Docker 20.10): only one that began after the end has them for certain.
  return { endedAt, isCutOff: (container) => exitCode !== 0 || beganAtMs <= container.endedAtMs };
}
