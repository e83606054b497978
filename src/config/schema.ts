/**
 * Every setting of the configuration file: key, kind, default and description. Parsing, environment variables, flags and the
 * reference are derived from this table.
 */
import { logLevels } from '../lib/logger.ts';
import { credentialHosts, headerName, variableName } from './credentials.ts';
import { hostEntries, proxyUrl } from './egress.ts';
import { repositories } from './github.ts';
import { images } from './image-list.ts';
import { imagePatterns } from './image-pattern.ts';
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
  localPath,
  lowerCased,
  network,
  number,
  providerUrl,
  serverUrl,
  text,
  token,
  uuid,
  word,
} from './kinds.ts';
import { modelHosts } from './models.ts';
import { mounts } from './mounts.ts';
import { variables } from './variables.ts';

export interface Field<T> {
  /** The key in the file, as in `max_jobs`. */
  readonly key: string;
  readonly kind: Kind<T>;
  readonly default: T;
  readonly about: string;
  /** Never shown, and not accepted on a command line. */
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

export const runtimeNames = ['docker', 'podman', 'apple', 'host', 'kubernetes'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** Those that run jobs on this machine. A cluster, which costs others, is only used if the configuration names it. */
export const localRuntimeNames: readonly RuntimeName[] = runtimeNames.filter((name) => name !== 'kubernetes');

/** The Linux capabilities that installing packages in a container needs. */
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
    instanceId: optional(
      'instance_id',
      uuid,
      'the ID that marks what this runner creates; the same for all replicas on Kubernetes; default: one in the state folder',
    ),
    skipSslVerify: field('skip_ssl_verify', boolean, false, 'do not verify the server’s certificate; for tests only'),
    runtime: optional(
      'runtime',
      emptyMeans(undefined, lowerCased(choice(runtimeNames))),
      'what runs agents; default: the first that is ready, in this order, but never kubernetes',
    ),
    openaiEndpoint: optional(
      'openai_endpoint',
      providerUrl,
      'address of a model API like OpenAI’s, for the agents of all tasks',
    ),
    openaiToken: secret('openai_token', 'its key, which agents get', token),
    claudeEndpoint: optional(
      'claude_endpoint',
      providerUrl,
      'address of a model API like Anthropic’s, for the agents of all tasks',
    ),
    claudeToken: secret('claude_token', 'its key, which agents get', token),
    noWebsearch: field('no_websearch', boolean, false, 'start agents with --no-websearch; not with runtime "host"'),
    noCacheTtl: field('no_cache_ttl', boolean, false, 'start agents with --no-cache-ttl; not with runtime "host"'),
  },
  jobs: {
    maxJobs: field('max_jobs', number(1, 1000), 4, 'agents that run at once; further jobs wait for a slot'),
    cpus: field('cpus', number(0.1, 1024, { whole: false }), 4, 'CPUs per job; may be a fraction'),
    memoryGib: field('memory_gib', number(0.0625, 65_536, { whole: false }), 8, 'memory per job, in GiB'),
    pids: field('pids', number(16, 4_194_304), 4096, 'processes and threads per job'),
    maxLogMib: field(
      'max_log_mib',
      number(1, 1_048_576),
      200,
      'maximum size of a job’s log, in MiB; the oldest output is dropped',
    ),
    stopTimeoutMs: field('stop_timeout', duration(), 30 * seconds, 'time from SIGTERM to SIGKILL when a job is killed'),
    minFreeGib: field(
      'min_free_gib',
      number(0, 1_048_576, { whole: false }),
      1,
      'minimum free disk space, in GiB, to accept a job',
    ),
    keepFinishedMs: field(
      'keep_finished',
      duration({ maxMs: 36_500 * days }),
      30 * days,
      'how long to keep records and logs of finished jobs',
    ),
    entrypoint: field('entrypoint', absolutePath, '/usr/bin/agent-wrapper', 'program to start in the container'),
    network: optional(
      'network',
      network,
      'the engine’s network for jobs, such as "host" or "none"; default: the engine’s',
    ),
    caFile: optional(
      'ca_file',
      emptyMeans('', localPath),
      'PEM file of certificate authorities that agents trust in addition; default: network.ca_file; "" for none',
    ),
    capabilities: field(
      'capabilities',
      capabilities,
      defaultCapabilities,
      'Linux capabilities that a job keeps; all others are dropped',
    ),
    noNewPrivileges: field(
      'no_new_privileges',
      boolean,
      true,
      'forbid jobs to gain privileges, for example by setuid programs',
    ),
    mirrors: field('mirrors', boolean, true, 'keep git mirrors of repositories, with which agents clone faster'),
    mirrorsGib: field(
      'mirrors_gib',
      number(0.1, 1_048_576, { whole: false }),
      20,
      'maximum total size of them, in GiB',
    ),
    mounts: field('mounts', mounts, [], 'files and folders of this machine that jobs get'),
    env: {
      ...field('env', variables, [], 'environment variables that jobs get, such as keys of model providers'),
      secret: true,
    },
  },
  limits: {
    maxDurationMs: optional('max_duration', duration(), 'how long a job may run; default: no limit'),
    idleTimeoutMs: optional(
      'idle_timeout',
      duration(),
      'how long a job may run without output, network traffic or processor use; default: no limit',
    ),
    diskGib: optional(
      'disk_gib',
      number(0.01, 1_048_576, { whole: false }),
      'disk space of a job’s container and its volumes, in GiB; default: no limit',
    ),
    maxLogMib: optional(
      'max_log_mib',
      number(1, 1_048_576),
      'as jobs.max_log_mib, but an environment can lower it; the smaller one counts',
    ),
    maxTokens: optional(
      'max_tokens',
      number(1, 1e15),
      'tokens that the models may read and write for a job; needs the wall; default: no limit',
    ),
    maxCost: optional(
      'max_cost',
      number(0.0001, 1e9, { whole: false }),
      'what the models may cost for a job, in the currency of limits.prices; needs the wall; default: no limit',
    ),
    modelHosts: field(
      'model_hosts',
      modelHosts,
      [],
      'hosts of models whose calls count, beside Anthropic, OpenAI, Gemini and those of base URLs that jobs get',
    ),
    wrapUpMs: field('wrap_up', duration(), 30 * seconds, 'time from SIGTERM to SIGKILL when a job reaches a limit'),
  },
  images: {
    pullPolicy: field('pull_policy', choice(['always', 'if-not-present', 'never']), 'always', 'when to pull images'),
    keep: field('keep', number(0, 100_000), 10, 'number of pulled images to keep; the least recently used are removed'),
    keepGib: optional(
      'keep_gib',
      number(0, 1_048_576, { whole: false }),
      'maximum total size of pulled images, in GiB; default: no limit',
    ),
    allowed: field('allowed', imagePatterns, ['*'], 'patterns of images that may run, such as "ghcr.io/acme/*"'),
    prefetch: field('prefetch', images, [], 'images to pull at the start of the runner and every hour, and to keep'),
  },
  queues: {
    maxQueues: field('max_queues', number(1, 1000), 64, 'maximum number of queues to poll'),
    pollWaitMs: field(
      'poll_wait',
      duration({ maxMs: 2 * minutes }),
      30 * seconds,
      'how long the server holds a poll without messages; at most 2 minutes',
    ),
    drainTimeMs: field('drain_time', duration(), 30 * seconds, 'minimum time to poll a draining queue'),
    shutdownTimeoutMs: field('shutdown_timeout', duration(), 5 * minutes, 'maximum duration of a shutdown'),
    scaleUpAfterMs: field(
      'scale_up_after',
      duration(),
      minutes,
      'how long utilisation must be high before a queue is added',
    ),
    scaleUpAt: field('scale_up_at', number(0, 1, { whole: false }), 0.8, 'utilisation at which queues are added'),
    scaleDownAfterMs: field(
      'scale_down_after',
      duration(),
      2 * minutes,
      'how long utilisation must be low before a queue is removed',
    ),
    scaleDownAt: field('scale_down_at', number(0, 1, { whole: false }), 0.4, 'utilisation at which queues are removed'),
  },
  host: {
    unisolated: field(
      'unisolated',
      boolean,
      false,
      'confirm that jobs run as you, with access to your files and network',
    ),
    command: optional('command', command, 'the agent’s command and arguments; it reads the request on standard input'),
  },
  kubernetes: {
    kubeconfig: optional(
      'kubeconfig',
      localPath,
      'file with the address of the cluster; default: KUBECONFIG, ~/.kube/config, or the service account of the pod',
    ),
    context: optional('context', word, 'the context in it; default: its current context'),
    namespace: optional('namespace', word, 'the namespace of jobs; default: that of the context'),
    podTemplate: optional(
      'pod_template',
      localPath,
      'YAML or JSON file with a PodTemplateSpec that is merged over the pods of jobs',
    ),
    serviceAccount: optional(
      'service_account',
      word,
      'the service account of jobs, whose token they do not get; default: that of the namespace',
    ),
    architecture: optional(
      'architecture',
      choice(['amd64', 'arm64']),
      'the architecture of nodes for jobs; default: that of this machine',
    ),
    ttlMs: field(
      'ttl',
      duration({ maxMs: 36_500 * days }),
      7 * days,
      'how long the cluster keeps a finished job that the runner did not remove',
    ),
    startTimeoutMs: field('start_timeout', duration(), 10 * minutes, 'how long a pod may wait for its start'),
    helperImage: optional(
      'helper_image',
      word,
      'the image of the runner, for the gateways of jobs whose network is limited; default: such jobs are refused',
    ),
    stateKey: secret(
      'state_key',
      'encrypts what replicas save about jobs in the cluster, so that others adopt them; 32 characters or more',
      token,
    ),
  },
  network: {
    caFile: optional('ca_file', localPath, 'PEM file of certificate authorities to trust in addition to the system’s'),
  },
  egress: {
    mode: field(
      'mode',
      choice(['auto', 'enforce', 'observe', 'off']),
      'auto',
      'whether jobs reach allowed hosts only: "auto" if their environment names hosts; "observe" only reports',
    ),
    otherwise: field(
      'otherwise',
      choice(['open', 'public', 'deny']),
      'open',
      'what "auto" does with jobs whose environment names no hosts; "public" is a wall that allows every public host',
    ),
    privateHosts: field(
      'private_hosts',
      choice(['configured', 'named']),
      'configured',
      'names that may lead to private addresses: those in this table, or also those that an environment names exactly',
    ),
    allowed: optional(
      'allowed',
      hostEntries,
      'what environments may name at most, and private addresses that they may reach; default: every public host',
    ),
    always: field('always', hostEntries, [], 'what every job behind the wall may reach, such as endpoints of models'),
    proxy: {
      ...optional('proxy', proxyUrl, 'proxy between this machine and the internet; default: HTTPS_PROXY of the runner'),
      secret: true,
    },
  },
  credentials: {
    broker: field(
      'broker',
      choice(['auto', 'off']),
      'auto',
      'whether tokens and keys stay out of jobs: "auto" if they have a wall; the gateway puts them into requests',
    ),
    offImages: field(
      'off_images',
      imagePatterns,
      [],
      'patterns of images whose jobs get the secrets themselves, such as "ghcr.io/acme/*"',
    ),
  },
  events: {
    enabled: field(
      'enabled',
      boolean,
      true,
      'read the events of GitHub connections with a token: comments that ask for a turn, states of pull requests',
    ),
    trigger: field('trigger', word, '/Plan42', 'the word of a comment on a pull request that starts another turn'),
  },
  health: {
    listen: optional('listen', hostPort, 'address of the HTTP health endpoint'),
  },
  log: {
    level: field('level', choice(logLevels), 'info', 'minimum level of log lines'),
    format: field('format', choice(['text', 'json']), 'text', 'format of log lines'),
  },
} as const;

const githubCom = new URL('https://github.com');

/** One `[github.<name>]` table each. */
export const connectionFields = {
  name: optional('name', text, 'display name of the connection'),
  url: field('url', emptyMeans(githubCom, serverUrl), githubCom, 'github.com or a GitHub Enterprise Server'),
  connectionId: optional('connection_id', text, 'ID of the connection in Plan42'),
  token: secret('token', 'a GitHub token', token),
  push: field(
    'push',
    choice(['task-branch', 'any']),
    'task-branch',
    'what agents behind the wall may push to repositories of their environment: the branch of the task, or every ref',
  ),
  api: field(
    'api',
    choice(['task', 'any']),
    'task',
    'calls of the API that agents behind the wall may make: those that a pull request needs, or all that the token allows',
  ),
  alsoRead: field(
    'also_read',
    repositories,
    [],
    'repositories that agents behind the wall may read beside those of their environment',
  ),
} as const;

/** One `[runner.model_mappings."<name of a model in Plan42>"]` table each. */
export const mappingFields = {
  provider: field('provider', text, '', 'the provider that the agent asks for this model'),
  model: field('model', text, '', 'its name there'),
  extendedContext: field('extended_context', boolean, false, 'use the model’s extended context'),
} as const;

/** One `[credentials.<name>]` table each. */
export const credentialFields = {
  variable: optional(
    'variable',
    variableName,
    'the variable of environments, or of jobs.env, that contains the secret',
  ),
  hosts: field('hosts', credentialHosts, [], 'the hosts that get it; others never do'),
  header: optional(
    'header',
    headerName,
    'the only header that it may be in; default: Authorization, X-Api-Key and the like',
  ),
} as const;

const price = number(0, 1e9, { whole: false });

/** One `[limits.prices."MODEL"]` table each, for a million tokens. */
export const priceFields = {
  input: optional('input', price, 'price of a million tokens that the model reads'),
  output: optional('output', price, 'price of a million tokens that it writes, with those of its reasoning'),
  cachedInput: optional(
    'cached_input',
    price,
    'price of a million tokens that it reads from its cache; default: input',
  ),
  cacheWrite: optional('cache_write', price, 'price of a million tokens that it writes to its cache; default: input'),
} as const;

type Values<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] extends Field<infer T> ? T : never };

type ConnectionTable = Values<typeof connectionFields>;
type AgentLimits = 'push' | 'api' | 'alsoRead';

/** A connection, with the limits of agents if it is from a file. */
export type Connection = Omit<ConnectionTable, AgentLimits> & Partial<Pick<ConnectionTable, AgentLimits>>;

export type CredentialTable = Values<typeof credentialFields>;

export type ModelMapping = Values<typeof mappingFields>;

/** The price of a model, for a million tokens each. */
export type ModelPrice = Values<typeof priceFields> & { input: number; output: number };

export type Config = { -readonly [Table in keyof typeof tables]: Values<(typeof tables)[Table]> } & {
  /** By the name of the table. */
  github: Record<string, Connection>;
  /** The tables in `[credentials]`, by name. */
  credentialTables: Record<string, CredentialTable>;
  /** The tables in `[runner.model_mappings]`, by the name of the model in Plan42. */
  modelMappings: Record<string, ModelMapping>;
  /** The tables in `[limits.prices]`, by the name of the model or the beginning of it. */
  prices: Record<string, ModelPrice>;
};

/** The file of certificate authorities that agents trust in addition, and the setting that names it; undefined without one. */
export function agentCaFile({
  jobs,
  network,
}: Pick<Config, 'jobs' | 'network'>): { path: string; setting: string } | undefined {
  if (jobs.caFile !== undefined) return jobs.caFile === '' ? undefined : { path: jobs.caFile, setting: 'jobs.ca_file' };
  return network.caFile === undefined ? undefined : { path: network.caFile, setting: 'network.ca_file' };
}

/** The environment variable that overrides a setting: `PLAN42_JOBS_MAX_JOBS` for `jobs.max_jobs`. */
export function environmentVariable(table: string, key: string): string {
  return `PLAN42_${table}_${key}`.toUpperCase();
}
