import { hostname } from 'node:os';
import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import { tellLowDisk } from '../jobs/disk-space.ts';
import type { Runtime } from '../runtimes/runtime.ts';

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
  return () => tellLowDisk({ folders, minFree: jobs.minFreeGib * 2 ** 30, hostName: hostname() });
}
