import { hostname } from 'node:os';
import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import { lowDiskReason } from '../jobs/disk-space.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { Readiness } from './readiness.ts';

/** What tells why no job can be taken for want of space, if that is so: where jobs, their logs or their containers are. */
export function watchDisk(
  { jobs }: Config,
  { stateDir, logDir }: Paths,
  runtime: Runtime,
): () => Promise<string | undefined> {
  let engineFolder: string | undefined;
  const learn = async () => {
    engineFolder = await runtime.storageFolder();
  };
  // No invocation waits for an engine that doesn't answer.
  learn().catch(() => {});
  const folders = () => ({ jobs: stateDir, logs: logDir, containers: engineFolder });
  return () => lowDiskReason({ folders, minFree: jobs.minFreeGib * 2 ** 30, hostName: hostname() });
}

const lookMs = 15_000;

/** Looks now and then, and whenever it is asked, so that the runner's state says why it takes no jobs. */
export function reportLowDisk(
  tell: () => Promise<string | undefined>,
  readiness: Pick<Readiness, 'fails' | 'forget'>,
): Disposable & { lowDiskReason: () => Promise<string | undefined> } {
  const lowDiskReason = async () => {
    const low = await tell();
    if (low === undefined) readiness.forget('disk');
    else readiness.fails('disk', 'disk', low);
    return low;
  };
  void lowDiskReason();
  const timer = setInterval(() => void lowDiskReason(), lookMs).unref();
  return { lowDiskReason, [Symbol.dispose]: () => clearInterval(timer) };
}
