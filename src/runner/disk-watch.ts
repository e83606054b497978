import { hostname } from 'node:os';
import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import { lowDiskReason } from '../jobs/disk-space.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { RunnerHealth } from './health.ts';
import type { SlotReporter } from './slot-reporter.ts';

/** Returns a function that checks the disks of jobs, logs and containers and returns why they are too full for a new job. */
export function watchDisk(
  { jobs }: Config,
  { stateDir, logDir }: Paths,
  runtime: Runtime,
): () => Promise<string | undefined> {
  let engineFolder: string | undefined;
  // In the background, so that no invocation waits for an engine that does not respond.
  void runtime.storageFolder().then(
    (folder) => {
      engineFolder = folder;
    },
    () => {},
  );
  const folders = () => ({ jobs: stateDir, logs: logDir, containers: engineFolder });
  return () => lowDiskReason({ folders, minFree: jobs.minFreeGib * 2 ** 30, hostName: hostname() });
}

const checkIntervalMs = 15_000;

/** Checks periodically and on demand, and reports low disk space to the runner's health and to the server. */
export function reportLowDisk(
  check: () => Promise<string | undefined>,
  health: Pick<RunnerHealth, 'reportFailure' | 'remove'>,
  slots: Pick<SlotReporter, 'noteDisk'>,
): Disposable & { lowDiskReason: () => Promise<string | undefined> } {
  const lowDiskReason = async () => {
    const low = await check();
    slots.noteDisk(low !== undefined);
    if (low === undefined) health.remove('disk');
    else health.reportFailure('disk', 'disk', low);
    return low;
  };
  void lowDiskReason();
  const timer = setInterval(() => void lowDiskReason(), checkIntervalMs).unref();
  return { lowDiskReason, [Symbol.dispose]: () => clearInterval(timer) };
}
