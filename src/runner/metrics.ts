/** The numbers of the runner for monitoring, as they are at the moment of the question. No names, no IDs of jobs. */
import type { Config } from '../config/schema.ts';
import type { GithubEvents } from '../events/github-events.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { type Metric, renderMetrics, type Sample } from '../lib/prometheus-text.ts';
import { type RunnerHealth, troubleKinds } from './health.ts';
import type { MessageCounts } from './messages/message-counts.ts';
import { livePhases } from './queues/queue-phase.ts';
import type { QueuePool } from './queues/queue-pool.ts';
import type { TokenWatch } from './token-watch.ts';

export interface MetricSources {
  version: string;
  startedAt: Date;
  config: Pick<Config, 'jobs' | 'runner'>;
  health: Pick<RunnerHealth, 'state' | 'troubles'>;
  tokenWatch: Pick<TokenWatch, 'expiresAt'>;
  messages: MessageCounts;
  started: Started;
}

/** The parts that do not exist until the runtime is ready, and then start one after the other. */
export interface Started {
  runtime?: string;
  jobs?: Pick<Jobs, 'counts' | 'endings'>;
  pool?: Pick<QueuePool, 'queues' | 'inFlight' | 'utilisation'>;
  /** Undefined also if they are switched off. */
  events?: Pick<GithubEvents, 'status'> | undefined;
}

export function describeMetrics(sources: MetricSources): string {
  return renderMetrics([
    ...describeProcess(sources),
    ...describeHealth(sources),
    ...describeQueues(sources.started),
    ...describeMessages(sources),
    ...describeJobs(sources),
    ...describeEvents(sources.started),
  ]);
}

function describeProcess({ version, startedAt, config, started }: MetricSources): Metric[] {
  const runtime = started.runtime ?? config.runner.runtime ?? '';
  const { user, system } = process.cpuUsage();
  return [
    gauge('plan42_runner_info', 'always 1', [{ labels: { version, runtime }, value: 1 }]),
    gauge('process_start_time_seconds', 'start of the runner, in seconds since 1970', startedAt.getTime() / 1000),
    gauge('process_resident_memory_bytes', 'memory of the runner, without its jobs', process.memoryUsage.rss()),
    counter('process_cpu_seconds_total', 'processor time of the runner, without its jobs', (user + system) / 1e6),
  ];
}

function describeHealth({ health, tokenWatch }: MetricSources): Metric[] {
  const current = new Set(health.troubles.map(({ kind }) => kind));
  const troubles = troubleKinds.map((kind) => ({ labels: { kind }, value: Number(current.has(kind)) }));
  const end = tokenWatch.expiresAt?.getTime();
  return [
    gauge('plan42_runner_ready', '1 if the runner is ready', Number(health.state.phase === 'ready')),
    gauge('plan42_runner_problem', '1 while there is a problem of the kind', troubles),
    gauge(
      'plan42_runner_token_expiry_timestamp_seconds',
      'end of the runner token, in seconds since 1970; absent if it has none',
      end === undefined ? [] : end / 1000,
    ),
  ];
}

function describeQueues({ pool }: Started): Metric[] {
  if (pool === undefined) return [];
  const { queues, inFlight, utilisation = [] } = pool;
  const byPhase = livePhases.map((phase) => {
    return { labels: { phase }, value: queues.filter((queue) => queue.phase === phase).length };
  });
  return [
    gauge('plan42_runner_queues', 'queues by phase', byPhase),
    gauge('plan42_runner_queue_utilisation_ratio', 'how busy the queues are, from 0 to 1', utilisation),
    gauge('plan42_runner_messages_in_flight', 'messages that are being handled', inFlight),
  ];
}

function describeMessages({ messages }: MetricSources): Metric[] {
  return [
    counter('plan42_runner_messages_total', 'messages by type and result', messages.counts),
    counter('plan42_runner_message_seconds_total', 'time from arrival to the end of handling', messages.seconds),
  ];
}

function describeJobs({ started: { jobs }, config }: MetricSources): Metric[] {
  if (jobs === undefined) return [];
  const states = Object.entries(jobs.counts).map(([state, value]) => ({ labels: { state }, value }));
  const endings = [...jobs.endings].map(([reason, value]) => ({ labels: { reason }, value }));
  return [
    gauge('plan42_runner_jobs', 'jobs by state', states),
    gauge('plan42_runner_jobs_max', 'jobs that may run at once', config.jobs.maxJobs),
    counter('plan42_runner_jobs_ended_total', 'finished jobs by the reason of their end', endings),
  ];
}

function describeEvents({ events }: Started): Metric[] {
  if (events === undefined) return [];
  const { feeds, pending } = events.status();
  const failing = feeds.filter(({ error }) => error !== undefined).length;
  return [
    gauge('plan42_runner_github_feeds', 'GitHub event feeds that are polled', feeds.length),
    gauge('plan42_runner_github_feeds_failing', 'GitHub event feeds whose last poll failed', failing),
    gauge('plan42_runner_github_events_pending', 'GitHub events that wait to be handled', pending),
  ];
}

function gauge(name: string, help: string, value: number | readonly Sample[]): Metric {
  return { name, help, type: 'gauge', samples: typeof value === 'number' ? [{ value }] : value };
}

function counter(name: string, help: string, value: number | readonly Sample[]): Metric {
  return { ...gauge(name, help, value), type: 'counter' };
}
