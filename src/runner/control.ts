import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import type { RunnerStatus } from '../control/messages.ts';
import { startControlServer } from '../control/server.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { ErrorEntry, Logger } from '../lib/logger.ts';
import type { QueuePool } from './queue-pool.ts';
import type { Readiness } from './readiness.ts';

export interface ControlOptions {
  paths: Paths;
  config: Config;
  version: string;
  startedAt: Date;
  runtime: string;
  identity: Pick<RunnerStatus, 'tenantId' | 'runnerId' | 'instanceId'>;
  pool: QueuePool;
  jobs: Jobs;
  readiness: Readiness;
  lastError: () => ErrorEntry | undefined;
  reload: () => Promise<string | null>;
  logger: Logger;
}

/** Lets commands on this machine ask the runner how it is, end jobs and have the configuration read again. */
export function startControl(options: ControlOptions): Promise<AsyncDisposable> {
  const { paths, jobs, reload, logger } = options;
  return startControlServer({
    stateDir: paths.stateDir,
    logger,
    calls: {
      status: () => describeRunner(options),
      kill: async (jobId) => {
        logger.info('somebody asked for the end of a job', { job_id: jobId });
        return (await jobs.kill(jobId)) ? 'killed' : 'unknown';
      },
      reload,
    },
  });
}

function describeRunner(options: ControlOptions): RunnerStatus {
  const { paths, config, version, startedAt, runtime, identity, pool, jobs, readiness } = options;
  const lastError = options.lastError();
  return {
    ...{ version, pid: process.pid, startedAt: startedAt.toISOString() },
    ...{ configFile: paths.configFile, stateDir: paths.stateDir, url: config.runner.url.href, runtime, ...identity },
    phase: readiness.state.phase,
    troubles: readiness.troubles.map(({ kind, message, since }) => ({ kind, message, since: since.toISOString() })),
    queues: pool.queues.map(({ id, phase, inFlight, utilisation }) => {
      return { queueId: id, phase, inFlight, utilisation: utilisation ?? null };
    }),
    utilisation: pool.utilisation ?? null,
    jobs: { ...jobs.counts, max: config.jobs.maxJobs },
    lastError: lastError ? { time: lastError.time.toISOString(), message: lastError.message } : null,
  };
}
