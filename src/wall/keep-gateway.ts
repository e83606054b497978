import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { companionOf, egressFolder } from './gateway-process.ts';

interface KeepOptions {
  /** The environment of the gateway. */
  env: NodeJS.ProcessEnv;
  /** Whether the job's container is running. */
  isRunning: () => Promise<boolean>;
  logger: Logger;
  signal: AbortSignal;
}

const checkIntervalMs = 5000;

/**
 * While a job runs, starts the script that keeps its gateway running again if it was killed, or belongs to another version of
 * this program that is no longer installed. Rejects only with the reason of the signal.
 */
export async function keepGateway(job: JobPaths, { env, isRunning, logger, signal }: KeepOptions): Promise<never> {
  const companion = companionOf(job, env);
  for (;;) {
    if ((await exists(egressFolder(job))) && !(await shim.isCompanionKept(companion)) && (await isRunning())) {
      try {
        await shim.stopCompanion(companion.folder);
        await rm(join(companion.folder, shim.endedFile), { force: true });
        await shim.startCompanion(companion);
        logger.warn('restarted egress gateway', { job_id: job.jobId });
      } catch (error) {
        logger.warn('cannot restart egress gateway, retrying', { job_id: job.jobId, error });
      }
    }
    await sleep(checkIntervalMs, signal);
  }
}
