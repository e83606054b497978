import type { Paths } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import type { RunnerStatus } from '../control/messages.ts';
import { startControlServer } from '../control/server.ts';
import type { GithubEvents } from '../events/github-events.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { JobRecord } from '../jobs/record.ts';
import type { ErrorEntry, Logger } from '../lib/logger.ts';
import { effectiveLimits } from '../limits/effective.ts';
import type { RunnerHealth } from './health.ts';
import type { IncompleteLists } from './messages/incomplete-lists.ts';
import type { QueuePool } from './queues/queue-pool.ts';
import type { TokenWatch } from './token-watch.ts';

export interface ControlOptions {
  paths: Paths;
  config: Config;
  version: string;
  startedAt: Date;
  runtime: string;
  identity: Pick<RunnerStatus, 'tenantId' | 'runnerId' | 'instanceId'>;
  pool: Pick<QueuePool, 'queues' | 'utilisation'>;
  jobs: Pick<Jobs, 'counts' | 'lastFinished' | 'kill'>;
  /** Undefined if they are switched off. */
  events: Pick<GithubEvents, 'status'> | undefined;
  health: RunnerHealth;
  tokenWatch: Pick<TokenWatch, 'expiresAt' | 'state'>;
  incompleteLists: Pick<IncompleteLists, 'latest'>;
  lastError: () => ErrorEntry | undefined;
  reload: () => Promise<string | null>;
  logger: Logger;
}

/** Serves local commands: status, kill and reload. */
export function startControl(options: ControlOptions): Promise<AsyncDisposable> {
  const { paths, jobs, reload, logger } = options;
  return startControlServer({
    stateDir: paths.stateDir,
    logger,
    calls: {
      status: () => describeRunner(options),
      kill: async (jobId) => {
        logger.info('kill requested', { job_id: jobId });
        return (await jobs.kill(jobId)) ? 'killed' : 'unknown';
      },
      reload,
    },
  });
}

function describeRunner(options: ControlOptions): RunnerStatus {
  const { paths, config, version, startedAt, runtime, identity, pool, jobs, health, tokenWatch } = options;
  const lastError = options.lastError();
  const { latest: incomplete } = options.incompleteLists;
  return {
    version,
    pid: process.pid,
    startedAt: startedAt.toISOString(),
    configFile: paths.configFile,
    stateDir: paths.stateDir,
    url: config.runner.url.href,
    runtime,
    ...identity,
    token: { expiresAt: tokenWatch.expiresAt?.toISOString() ?? null, state: tokenWatch.state },
    phase: health.state.phase,
    troubles: health.troubles.map(({ kind, message, since }) => ({ kind, message, since: since.toISOString() })),
    queues: pool.queues.map(({ id, phase, inFlight, utilisation }) => {
      return { queueId: id, phase, inFlight, utilisation: utilisation ?? null };
    }),
    utilisation: pool.utilisation ?? null,
    jobs: { ...jobs.counts, max: config.jobs.maxJobs },
    limits: effectiveLimits(config, []).limits,
    githubIncomplete: incomplete ? { time: incomplete.time.toISOString(), reason: incomplete.reason } : null,
    githubEvents: describeEvents(options.events),
    lastEnd: describeEnd(jobs.lastFinished),
    lastError: lastError ? { time: lastError.time.toISOString(), message: lastError.message } : null,
  };
}

function describeEvents(events: ControlOptions['events']): RunnerStatus['githubEvents'] {
  if (events === undefined) return null;
  const { feeds, pending } = events.status();
  const rows = feeds.map(({ connectionId, org, lastPoll, error }) => {
    return { connectionId, org, lastPoll: lastPoll?.toISOString() ?? null, error: error ?? null };
  });
  return { feeds: rows, pending };
}

function describeEnd(record: JobRecord | undefined): RunnerStatus['lastEnd'] {
  const { jobId, endedAt, endCode, endText } = record ?? {};
  if (jobId === undefined || endedAt === undefined) return null;
  return { jobId, time: endedAt, code: endCode ?? 'unknown', reason: endText ?? '' };
}
