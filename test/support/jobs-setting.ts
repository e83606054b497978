import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import { parseConfig } from '../../src/config/parse.ts';
import { GithubConnections } from '../../src/github/connections.ts';
import { Jobs, type JobsOptions } from '../../src/jobs/jobs.ts';
import type { JobRecord } from '../../src/jobs/record.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { createLogger } from '../../src/lib/logger.ts';
import { Plan42Client } from '../../src/plan42/client.ts';
import type { ServerFeature } from '../../src/plan42/features.ts';
import { createTransport } from '../../src/plan42/transport.ts';
import { eventually } from './eventually.ts';
import { createFakeRuntime } from './fake-runtime.ts';
import { makeRecord } from './job-record.ts';
import { type ManyTurns, type ServedTurn, startManyTurns } from './many-turns.ts';
import { makeTempDir, type TempDir } from './temp-dir.ts';

/** The statuses that jobs set on their turn. */
export const pulling = 'Pulling Agent Image on Local Runner';
export const waiting = 'Waiting for a Free Slot on Local Runner';

/** A pull that never completes. */
export const untilAborted = (_image: string, signal: AbortSignal | undefined) =>
  new Promise<void>((_, reject) => {
    if (signal?.aborted) reject(signal.reason as Error);
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });

interface GithubEndpoint {
  url: string;
  token: string;
}

const ownGithub = { url: 'https://github.com', token: 'ghp_own' };

/** Jobs with a real folder and a real server of turns, on a runtime that the test controls. */
export class JobsSetting implements AsyncDisposable {
  readonly dir: TempDir;
  readonly server: ManyTurns;
  readonly runtime = createFakeRuntime();
  /** Runs the jobs that another runtime started. */
  readonly otherRuntime = createFakeRuntime();
  readonly logged: string[] = [];
  readonly features = new Set<ServerFeature>();
  /** For tests that shorten the times. */
  timing: Pick<JobsOptions, 'startsAtOnce' | 'turnWatch' | 'exitGrace' | 'sleep' | 'mirrors' | 'networkReports'> = {};
  readonly #transport: Dispatcher = createTransport({});
  #store!: JobStore;
  #jobs!: Jobs;

  readonly #github: GithubEndpoint;
  #connections!: GithubConnections;

  private constructor(dir: TempDir, server: ManyTurns, github: GithubEndpoint) {
    this.dir = dir;
    this.server = server;
    this.#github = github;
  }

  /** `github` is the endpoint of the connection `c`. */
  static async start(settings?: string, github: GithubEndpoint = ownGithub): Promise<JobsSetting> {
    const setting = new JobsSetting(await makeTempDir(), await startManyTurns(), github);
    await setting.#make(settings);
    return setting;
  }

  get jobs(): Jobs {
    return this.#jobs;
  }

  /** The connections of the configuration, which a test can replace. */
  get connections(): GithubConnections {
    return this.#connections;
  }

  get store(): JobStore {
    return this.#store;
  }

  async #make(settings = 'jobs.max_jobs = 1'): Promise<void> {
    this.#store = await JobStore.open(join(this.dir.path, 'state'), join(this.dir.path, 'logs'));
    const { url, token } = this.#github;
    const file = `${settings}\n[github.g]\nconnection_id = "c"\nurl = "${url}"\ntoken = "${token}"`;
    const { config } = parseConfig({ file, env: {}, flags: new Map() });
    const endpoint = {
      transport: this.#transport,
      baseUrl: new URL(this.server.url),
      token: 'p42r_x',
      userAgent: 't',
    };
    const logger = createLogger({ level: 'info', format: 'text', write: (line) => this.logged.push(line) });
    this.#connections = new GithubConnections({
      connections: config.github,
      transport: this.#transport,
      logger,
      userAgent: 't',
    });
    this.#jobs = new Jobs({
      config,
      store: this.#store,
      runtime: this.runtime,
      otherRuntime: () => this.otherRuntime,
      client: new Plan42Client(endpoint),
      tenantId: 'tenant',
      runnerId: 'runner',
      instanceId: 'instance',
      features: this.features,
      ...this.timing,
      github: this.#connections,
      logger,
    });
  }

  /** Stops the runner's jobs and adopts them again. */
  async restart(settings?: string, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    await this.#jobs[Symbol.asyncDispose]();
    await meanwhile();
    await this.#make(settings);
    await this.#jobs.adopt();
  }

  async accept(record: JobRecord = makeRecord(), request: object = {}): Promise<JobRecord> {
    const { taskId: TaskId, turnIndex: TurnIndex } = record;
    const Turn = { TaskId, TurnIndex, ...this.turnOf(record) };
    const text = JSON.stringify({ Type: 'InvokeAgentRequest', Turn, ...request });
    await this.#jobs.accept(record, { request: text, agentToken: 'p42a_secret' });
    return record;
  }

  turnOf({ taskId }: JobRecord): ServedTurn {
    return this.server.turnOf(taskId);
  }

  statusesOf({ taskId }: JobRecord): string[] {
    return this.server.statusesOf(taskId);
  }

  failureOf(record: JobRecord): string {
    return this.turnOf(record).ErrorMessage ?? '';
  }

  isStarted({ jobId }: JobRecord): boolean {
    return this.runtime.calls.includes(`start ${jobId}`);
  }

  async started(record: JobRecord): Promise<void> {
    await eventually(async () => this.isStarted(record));
  }

  async running({ jobId }: JobRecord): Promise<void> {
    const isRunning = async () =>
      (await this.runtime.listRunning()).includes(jobId) && this.#jobs.counts.starting === 0;
    await eventually(isRunning);
  }

  async finished(): Promise<void> {
    await eventually(async () => this.#jobs.count === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#jobs[Symbol.asyncDispose]();
    await this.#transport.destroy();
    await this.server[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}
