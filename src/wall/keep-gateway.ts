import type { Logger } from '../lib/logger.ts';
import type { JobPaths } from '../shim/shim.ts';
import * as shim from '../shim/shim.ts';
import { companionOf } from './gateway-process.ts';

interface KeepOptions {
  /** The environment of the gateway. */
  env: NodeJS.ProcessEnv;
  /** Whether the job's container is running. */
  isRunning: () => Promise<boolean>;
  logger: Logger;
  signal: AbortSignal;
}

/** Keeps the gateway of a job running. Rejects only with the reason of the signal. */
export function keepGateway(job: JobPaths, { env, isRunning, logger, signal }: KeepOptions): Promise<never> {
  return shim.keepCompanion(companionOf(job, env), {
    isRunning,
    onRestart: () => logger.warn('restarted egress gateway', { job_id: job.jobId }),
    onError: (error) => logger.warn('cannot restart egress gateway, retrying', { job_id: job.jobId, error }),
    signal,
  });
}
