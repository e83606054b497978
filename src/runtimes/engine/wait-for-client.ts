/** Waits for the engine's client, which stays for as long as the container runs, unless something goes wrong. */
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { hasContainerId } from './client.ts';
import { type Container, goesOn, inspectContainer } from './inspect.ts';
import type { RunEngine } from './run-engine.ts';

export interface WatchClientOptions {
  run: RunEngine;
  logger: Logger;
  signal: AbortSignal | undefined;
  /** Of its supervisor; the job's own when it is not given. */
  folder?: string;
}

const lookMs = 2000;

/**
 * Resolves when the client has ended. A client that waits for a container that is over, but whose monitor was killed and
 * can't tell it, would wait for ever: it is ended. So is one whose container was removed.
 */
export async function waitForClient(job: JobPaths, options: WatchClientOptions): Promise<shim.ShimExit> {
  const { signal, folder = job.folder } = options;
  const done = new AbortController();
  const whileWaiting = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  const watching = endDeceivedClient(job, { ...options, signal: whileWaiting }).catch(() => {});
  try {
    return await shim.waitForExit(folder, signal);
  } finally {
    done.abort();
    await watching;
  }
}

/** Rejects with the signal's reason. */
async function endDeceivedClient(job: JobPaths, options: WatchClientOptions & { signal: AbortSignal }): Promise<void> {
  const { run, logger, signal, folder = job.folder } = options;
  let container: Container | undefined;
  // Where there is no monitor to be seen, there is nothing to find out; once may be by chance.
  for (let unseen = 0; unseen < 2; ) {
    await sleep(lookMs, signal);
    if (container && (await goesOn(container))) continue;
    const before = container;
    try {
      container = (await hasContainerId(job)) ? await inspectContainer(run, job.jobId, signal) : undefined;
    } catch {
      // An engine that doesn't answer is asked again.
      continue;
    }
    if (container?.isUnwatched === false && !container.isRunning && container.wasStarted) return;
    if (container?.isRunning) unseen = (await goesOn(container)) ? 0 : unseen + 1;
    else if (container ? container.isUnwatched : before !== undefined) {
      logger.warn('the container is over, and its client, which does not see it, is ended', { job_id: job.jobId });
      await shim.killCommand(folder);
      return;
    }
  }
}
