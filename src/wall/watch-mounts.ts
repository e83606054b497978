import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { JobPaths } from '../shim/shim.ts';
import { findMountedSocket, readMounts } from './mounted-sockets.ts';
import type { Refusal } from './refusal.ts';

interface WatchOptions {
  /** Ends the job's container. */
  kill: () => Promise<void>;
  logger: Logger;
  signal: AbortSignal;
  intervalMs?: number;
}

const checkIntervalMs = 2000;

/**
 * While a job runs, looks for a socket that a program of this machine has opened in one of its mounted folders. Such a job is
 * killed: nothing can keep it from the socket. Resolves with the reason, or undefined if the job has no mounts or the signal is
 * aborted.
 */
export async function watchMounts(
  job: JobPaths,
  { kill, logger, signal, intervalMs = checkIntervalMs }: WatchOptions,
): Promise<Refusal | undefined> {
  const sources = await readMounts(job);
  if (sources.length === 0) return undefined;
  let opened: Refusal | undefined;
  while (!signal.aborted) {
    try {
      const found = await findMountedSocket(sources);
      if (found !== undefined) {
        const { source, socket } = found;
        opened ??= {
          reason: `a program of this machine opened the socket ${socket} in a mounted folder, past the wall around its network`,
          remedy: `Remove "${source}" from jobs.mounts, or mount a folder without sockets.`,
        };
        logger.warn('killing job, a socket appeared in a mounted folder', { job_id: job.jobId, socket, mount: source });
        await kill();
        return opened;
      }
    } catch (error) {
      logger.warn('cannot check mounted folders for sockets, retrying', { job_id: job.jobId, error });
    }
    await sleep(intervalMs, signal).catch(() => {});
  }
  return opened;
}
