/**
 * Every setting of the configuration file: its name there, kind, default and meaning. Reading, the environment's
 * variables, flags and the reference for users all come from this table.
 */
import { logLevels } from '../lib/logger.ts';
import {
  absolutePath,
  boolean,
  capabilities,
  choice,
  command,
  duration,
  emptyMeans,
  hostPort,
  type Kind,
  list,
  network,
  number,
  serverUrl,
  text,
  token,
} from './kinds.ts';

export interface Field<T> {
  /** The key in the file, as in `max_jobs`. */
  readonly key: string;
  readonly kind: Kind<T>;
  readonly default: T;
  readonly about: string;
  /** Never shown, and not taken from a command line. */
  readonly secret: boolean;
}

function field<T>(key: string, kind: Kind<T>, initial: NoInfer<T>, about: string): Field<T> {
  return { key, kind, default: initial, about, secret: false };
}

function optional<T>(key: string, kind: Kind<T>, about: string): Field<T | undefined> {
  return { key, kind, default: undefined, about, secret: false };
}

function secret(key: string, about: string, kind = text): Field<string | undefined> {
  return { key, kind, default: undefined, about, secret: true };
}

export const runtimeNames = ['docker', 'podman', 'apple', 'host'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** Linux capabilities that installing packages inside the container needs, and no more. */
export const defaultCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

const seconds = 1000;
const minutes = 60 * seconds;
const days = 24 * 60 * minutes;

export const tables = {
  runner: {
    url: field('url', serverUrl, new URL('https://api.dev.plan42.ai'), 'the Plan42 server'),
    token: secret('token', 'the runner token, "p42r_…"'),
    skipSslVerify: field('skip_ssl_verify', boolean, false, 'leave the server’s certificate unchecked; for tests only'),
    runtime: optional(
      'runtime',
      choice(runtimeNames),
      'what runs the agents; otherwise the first that is ready, in this order',
    ),
  },
  jobs: {
    maxJobs: field('max_jobs', number(1, 1000), 4, 'agents at once; more wait for a slot'),
    cpus: field('cpus', number(0.1, 1024, { whole: false }), 4, 'CPUs of a job; may be a fraction'),
    memoryGib: field('memory_gib', number(0.0625, 65_536, { whole: false }), 8, 'memory of a job, in GiB'),
    pids: field('pids', number(16, 4_194_304), 4096, 'processes and threads of a job'),
    maxLogMib: field(
      'max_log_mib',
      number(1, 1_048_576),
      200,
      'largest size of a job’s log, in MiB; beyond it the oldest part is cut',
    ),
    stopTimeoutMs: field('stop_timeout', duration(), 10 * seconds, 'from SIGTERM to SIGKILL when a job is killed'),
    minFreeGib: field(
      'min_free_gib',
      number(0, 1_048_576, { whole: false }),
      1,
      'free disk space, in GiB, below which no new job is taken',
    ),
    keepFinishedMs: field(
      'keep_finished',
      duration({ maxMs: 36_500 * days }),
      30 * days,
      'how long the records and logs of finished jobs are kept',
    ),
    entrypoint: field('entrypoint', absolutePath, '/usr/bin/agent-wrapper', 'the program that is started in the image'),
    network: optional(
      'network',
      network,
      'the engine’s network for jobs, such as "host" or "none"; otherwise its default',
    ),
    capabilities: field(
      'capabilities',
      capabilities,
      defaultCapabilities,
      'Linux capabilities a job keeps; all others are dropped',
    ),
    noNewPrivileges: field('no_new_privileges', boolean, true, 'forbid setuid programs in a job'),
  },
  images: {
    pullPolicy: field('pull_policy', choice(['always', 'if-not-present', 'never']), 'always', 'when images are pulled'),
    keep: field(
      'keep',
      number(0, 100_000),
      10,
      'how many of the images pulled for jobs are kept, those used last; older ones are removed',
    ),
    keepGib: optional(
      'keep_gib',
      number(0, 1_048_576, { whole: false }),
      'GiB that the images pulled for jobs may take together; otherwise only their number counts',
    ),
    allowed: field('allowed', list, ['*'], 'globs of the images that may run; "*" matches any characters, "?" one'),
  },
  queues: {
    maxQueues: field('max_queues', number(1, 1000), 64, 'upper bound of the queues polled at once'),
    pollWaitMs: field(
      'poll_wait',
      duration({ maxMs: 2 * minutes }),
      30 * seconds,
      'how long a poll waits at the server; at most 2 minutes',
    ),
    drainTimeMs: field('drain_time', duration(), 30 * seconds, 'a draining queue is polled at least this long'),
    shutdownTimeoutMs: field('shutdown_timeout', duration(), 5 * minutes, 'after this a shutdown waits no longer'),
    scaleUpAfterMs: field('scale_up_after', duration(), minutes, 'shortest time of high load before more queues'),
    scaleUpAt: field(
      'scale_up_at',
      number(0, 1, { whole: false }),
      0.8,
      'utilisation from which on there are more queues',
    ),
    scaleDownAfterMs: field(
      'scale_down_after',
      duration(),
      2 * minutes,
      'shortest time of low load before fewer queues',
    ),
    scaleDownAt: field(
      'scale_down_at',
      number(0, 1, { whole: false }),
      0.4,
      'utilisation up to which there are fewer queues',
    ),
  },
  host: {
    unisolated: field('unisolated', boolean, false, 'acknowledges that jobs run as you, with your files and network'),
    command: optional('command', command, 'the agent’s command and arguments; it gets the request on standard input'),
  },
  network: {
    caFile: optional('ca_file', absolutePath, 'PEM file of certificate authorities, beside the system’s'),
  },
  health: {
    listen: optional('listen', hostPort, 'address at which monitors are told, by HTTP, whether the runner is ready'),
  },
  log: {
    level: field('level', choice(logLevels), 'info', 'the least level that is logged'),
    format: field('format', choice(['text', 'json']), 'text', 'how log lines are written'),
  },
} as const;

const githubCom = new URL('https://github.com');

/** One `[github.<name>]` table each. */
export const connectionFields = {
  name: optional('name', text, 'what people call the connection'),
  url: field('url', emptyMeans(githubCom, serverUrl), githubCom, 'github.com or a GitHub Enterprise Server'),
  connectionId: optional('connection_id', text, 'the connection’s ID in Plan42'),
  token: secret('token', 'a GitHub token', token),
} as const;

type Values<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] extends Field<infer T> ? T : never };

export type Connection = Values<typeof connectionFields>;

export type Config = { -readonly [Table in keyof typeof tables]: Values<(typeof tables)[Table]> } & {
  /** By the name of their table. */
  github: Record<string, Connection>;
};

/** The variable of the environment that overrides a setting: `jobs.max_jobs` is `PLAN42_JOBS_MAX_JOBS`. */
export function environmentVariable(table: string, key: string): string {
  return `PLAN42_${table}_${key}`.toUpperCase();
}
