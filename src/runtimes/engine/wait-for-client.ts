/** Waits for the engine's client, which is attached to the container until it exits. */
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { hasContainerId, type RunEngine } from './client.ts';
import { type Container, inspectContainer, isUnchanged } from './inspect.ts';

export interface WatchClientOptions {
  run: RunEngine;
  logger: Logger;
  signal: AbortSignal | undefined;
  /** The folder of its shim; by default the job's. */
  folder?: string;
}

const pollIntervalMs = 2000;

/**
 * Resolves when the client has exited. A client stays attached indefinitely to a container that has exited after its monitor
 * was killed, or that was removed: such a client is killed.
 */
export async function waitForClient(job: JobPaths, options: WatchClientOptions): Promise<shim.ShimExit> {
  const { signal, folder = job.folder } = options;
  const done = new AbortController();
  const whileWaiting = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  const watching = killStaleClient(job, { ...options, signal: whileWaiting }).catch(() => {});
  try {
    return await shim.waitForExit(folder, signal);
  } finally {
    done.abort();
    await watching;
  }
}

/** Rejects with the signal's reason. */
async function killStaleClient(job: JobPaths, options: WatchClientOptions & { signal: AbortSignal }): Promise<void> {
  const { run, logger, signal, folder = job.folder } = options;
  let container: Container | undefined;
  // Without a visible monitor there is nothing to check; a single miss may be by chance.
  for (let unseen = 0; unseen < 2; ) {
    await sleep(pollIntervalMs, signal);
    if (container && (await isUnchanged(container))) continue;
    const before = container;
    try {
      container = (await hasContainerId(job)) ? await inspectContainer(run, job.jobId, signal) : undefined;
    } catch {
      // The engine does not respond: try again.
      continue;
    }
    if (container?.isUnwatched === false && !container.isRunning && container.wasStarted) return;
    if (container?.isRunning) unseen = (await isUnchanged(container)) ? 0 : unseen + 1;
    else if (container ? container.isUnwatched : before !== undefined) {
      logger.warn('container exited but its client is still attached, stopping the client', { job_id: job.jobId });
      await shim.killCommand(folder);
      return;
    }
  }
}
