import { availableParallelism, hostname } from 'node:os';
import type { Config, RuntimeName } from '../config/schema.ts';
import type { GithubConnections } from '../github/connections.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retryForever } from '../lib/retry.ts';
import { sleep as realSleep, type Sleep } from '../lib/sleep.ts';
import { Slots } from '../lib/slots.ts';
import type { Plan42Client } from '../plan42/client.ts';
import type { ServerFeature } from '../plan42/features.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { agentServerUrl } from './agent-server.ts';
import { type Arrival, Arrivals, compareArrival } from './arrivals.ts';
import { type JobClaim, soleClaim } from './claims/claim.ts';
import { leaveJob, restoreJob } from './claims/restore-job.ts';
import { SharedClaims } from './claims/shared-claims.ts';
import type { SharedJob } from './claims/shared-job.ts';
import type { SecretConfig } from './credentials/collect.ts';
import { type CredentialSource, createCredentialSource } from './credentials/credential-source.ts';
import type { Mirrors } from './mirrors/mirrors.ts';
import { NetworkReports, type NetworkReportTiming } from './network-reports.ts';
import type { JobRecord } from './record.ts';
import { type Job, parseRequest, recoverJob } from './recover.ts';
import { runJob } from './run-job.ts';
import type { JobSecrets, JobStore } from './store.ts';
import { type ExitGrace, exitGrace } from './turn-end.ts';
import { TurnUpdates } from './turn-updates.ts';
import { type TurnWatchTiming, type WatchedTurn, watchTurns } from './turn-watch.ts';
import { UsageReports } from './usage-reports.ts';
import { killAgent } from './watch-agent.ts';

export interface JobsOptions {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  /** The runtime of jobs that a previous run of this runner started with another one. */
  otherRuntime: (name: RuntimeName) => Runtime;
  client: Plan42Client;
  /** The runner's own. */
  tenantId: string;
  runnerId: string;
  /** The instance ID of the runner. */
  instanceId: string;
  /** Those that the server is known to have. */
  features: ReadonlySet<ServerFeature>;
  /** Absent if agents get no git mirrors. */
  mirrors?: Mirrors | undefined;
  /** The command that runs another one where this runner is (`kubectl exec … -- `), or empty. */
  commandPrefix?: string;
  /** The option with which a command finds this runner (`--state-dir … `), or empty. */
  stateDirOption?: string;
  github: GithubConnections;
  /** The variables of the runner: its proxies, and those that jobs get by name. */
  env?: NodeJS.ProcessEnv;
  logger: Logger;
  /** Called when more jobs may be able to start. */
  onSlotsFree?: () => void;
  /** Called with the reason when accepted jobs wait for the place of their records, and with undefined when none does any more. */
  onOutage?: (reason: string | undefined) => void;
  /** How many containers are created at once. By default one less than this machine has processors, at least one. */
  startsAtOnce?: number;
  turnWatch?: TurnWatchTiming;
  networkReports?: NetworkReportTiming;
  exitGrace?: ExitGrace;
  sleep?: Sleep;
}

// An engine that creates containers can keep all processors busy, and this process answers pings meanwhile.
function startsAtOnce(): number {
  return Math.max(1, availableParallelism() - 1);
}

export interface JobCounts {
  running: number;
  starting: number;
  /** For a slot, or for feedback on pull requests. */
  waiting: number;
  /** The agent has exited; the final status is not reported yet. */
  ending: number;
}

interface ActiveJob {
  runtime: Runtime;
  turn: WatchedTurn;
  claim: JobClaim;
  cancel: AbortController;
  done: Promise<void>;
}

/** The jobs of this runner. Disposing of it leaves running jobs alone; the next run of the runner adopts them. */
export class Jobs implements AsyncDisposable {
  readonly #options: JobsOptions;
  readonly #slots: Slots;
  readonly #starts: Slots;
  readonly #arrivals: Arrivals;
  readonly #credentials: CredentialSource;
  readonly #claims: SharedClaims;
  readonly #active = new Map<string, ActiveJob>();
  /** Jobs of other replicas that are being adopted. */
  readonly #adopting = new Set<Promise<void>>();
  readonly #starting = new Set<Promise<void>>();
  /** The number of jobs that wait for anything but a slot. */
  #waiting = 0;
  readonly #detach = new AbortController();
  readonly #onSlotsFree: () => void;
  readonly #networks: NetworkReports;
  readonly #usages: UsageReports;
  readonly #watching: Promise<unknown>;
  #lastFinished: JobRecord | undefined;
  readonly #endings = new Map<string, number>();

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#onSlotsFree = options.onSlotsFree ?? (() => {});
    this.#credentials = createCredentialSource(options.config, options.env ?? {});
    this.#claims = new SharedClaims({
      ...options,
      detach: this.#detach.signal,
      onOutage: (reason) => {
        options.onOutage?.(reason);
        this.#onSlotsFree();
      },
    });
    this.#slots = new Slots(options.config.jobs.maxJobs, this.#onSlotsFree);
    this.#starts = new Slots(options.startsAtOnce ?? startsAtOnce());
    this.#arrivals = new Arrivals(this.#onSlotsFree);
    const { client, tenantId, runnerId, features, store, logger, turnWatch, sleep } = options;
    const runner = { tenantId, runnerId };
    this.#networks = new NetworkReports({ client, runner, features, store, logger, timing: options.networkReports });
    this.#usages = new UsageReports({ client, runner, features, store, logger });
    const watching = watchTurns({
      client,
      runner,
      features,
      turns: () => [...this.#active.values()].map(({ turn }) => turn),
      logger,
      signal: this.#detach.signal,
      ...(turnWatch && { timing: turnWatch }),
      ...(sleep && { sleep }),
    });
    const { signal } = this.#detach;
    this.#watching = Promise.all([watching, this.#networks.run(signal), this.#usages.run(signal)]);
  }

  /** The number of jobs that are not finished. */
  get count(): number {
    return this.#active.size;
  }

  has(jobId: string): boolean {
    return this.#active.has(jobId);
  }

  /** The record of the job that finished last, since the start of the runner. */
  get lastFinished(): JobRecord | undefined {
    return this.#lastFinished;
  }

  /** The numbers of jobs that have finished since the start of the runner, by their `EndCode`. */
  get endings(): ReadonlyMap<string, number> {
    return this.#endings;
  }

  /** The number of jobs that would start at once if they arrived now. */
  get freeSlots(): number {
    // Other replicas may reach the place of the records.
    if (this.#claims.isBehind) return 0;
    const { held, waiting } = this.#slots;
    return Math.max(0, this.#options.config.jobs.maxJobs - held - waiting - this.#waiting - this.#arrivals.pending);
  }

  get counts(): JobCounts {
    const { held } = this.#slots;
    const waiting = this.#slots.waiting + this.#waiting;
    const starting = this.#starting.size;
    const running = Math.max(0, held - starting);
    return { running, starting, waiting, ending: Math.max(0, this.count - held - waiting) };
  }

  /** Resolves when no job is starting. Jobs that wait for a slot do not count. */
  async whenStartedUp(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all(this.#starting);
  }

  /** Call this as soon as a request has arrived, before anything is awaited. */
  arrive(): Arrival {
    return this.#arrivals.next();
  }

  /**
   * Accepts a job: when this resolves, the job is on disk and will run. Jobs get their slots in the order of arrival, not in
   * the order in which the disk completes the writes.
   * @throws JobExistsError
   */
  async accept(accepted: JobRecord, secrets: JobSecrets, arrival = this.arrive()): Promise<void> {
    using rank = arrival;
    const { store, runtime } = this.#options;
    const record = await this.#claims.create({ ...accepted, arrival: rank.number }, secrets);
    await store.create(record, secrets).catch(async (error: unknown) => {
      await this.#claims.of(record).release(this.#detach.signal);
      throw error;
    });
    await this.#claims.claimLater(record.jobId);
    await rank.isNext;
    const { request, agentToken } = secrets;
    this.#run({ record, runtime, invocation: parseRequest(request), agentToken, isKilled: false });
  }

  /** Continues with the jobs of the previous run of this runner, and of other replicas that have stopped. */
  async adopt(signal?: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    await this.#synchronise(signal);
    for (const job of await this.#recoverAll()) {
      const { jobId, phase } = job.record;
      this.#run(job);
      logger.info('adopted job from previous run', { job_id: jobId, phase });
      if (job.isKilled) void this.#kill(jobId, job.runtime);
    }
  }

  /** The disk then has the jobs that are this replica's, and no others. */
  async #synchronise(signal?: AbortSignal): Promise<void> {
    const { store, runtime, logger } = this.#options;
    const taken = await this.#claims.join((jobId, job) => {
      const adopting: Promise<void> = this.#adoptTaken(jobId, job).finally(() => this.#adopting.delete(adopting));
      this.#adopting.add(adopting);
    }, signal);
    const onDisk = new Set(await store.listActive());
    for (const jobId of onDisk) {
      const record = await store.readActive(jobId).catch(() => undefined);
      if (!record?.shared || runtime.replicas === undefined || taken.has(jobId)) continue;
      if (await this.#claims.resume(record)) continue;
      if (await this.#claims.adopt(record, signal)) {
        logger.warn('shared record of job was deleted, saved it again', { job_id: jobId });
        continue;
      }
      await leaveJob(record, store, logger.with({ job_id: jobId }));
    }
    for (const [jobId, { job, isOwn }] of taken) {
      // Another replica may have continued it since.
      if (isOwn && onDisk.has(jobId)) continue;
      const restore = () => restoreJob(jobId, job, this.#options);
      await retryForever(restore, { failure: 'cannot adopt job, retrying', logger, signal: this.#detach.signal });
      logger.info('job of another replica restored', { job_id: jobId, phase: job.record.phase });
    }
  }

  /** Adopts a job of another replica that has stopped. */
  async #adoptTaken(jobId: string, taken: SharedJob): Promise<void> {
    const logger = this.#options.logger.with({ job_id: jobId });
    const { signal } = this.#detach;
    const adopt = async () => {
      // It can be a job that this replica had lost before.
      await this.#active.get(jobId)?.done;
      await restoreJob(jobId, taken, this.#options);
      return recoverJob(jobId, this.#options);
    };
    try {
      const job = await retryForever(adopt, { failure: 'cannot adopt job, retrying', logger, signal });
      if (signal.aborted) return;
      this.#run(job);
      logger.info('adopted job of another replica', { phase: job.record.phase });
      if (job.isKilled) void this.#kill(jobId, job.runtime);
    } catch (error) {
      if (!isAbort(error, signal)) logger.error('cannot adopt job of another replica', { error });
    }
  }

  async #recoverAll(): Promise<Job[]> {
    const { store, logger } = this.#options;
    for (const { name, path } of await store.clearStrays())
      logger.error('moved file in place of job folder aside', { job_id: name, path });
    const jobs: Job[] = [];
    for (const jobId of await store.listActive()) {
      try {
        jobs.push(await recoverJob(jobId, this.#options));
      } catch (error) {
        const { folder } = store.paths(jobId);
        logger.error('cannot recover job, leaving it until next start', { job_id: jobId, folder, error });
      }
    }
    this.#arrivals.continueAfter(jobs.map(({ record }) => record));
    return jobs.toSorted((a, b) => compareArrival(a.record, b.record));
  }

  /** Uses the secrets of a configuration that was read again, in running jobs too. */
  async replaceSecrets(config: SecretConfig): Promise<void> {
    this.#credentials.replace(config);
    const { store, logger } = this.#options;
    for (const jobId of this.#active.keys()) {
      try {
        const isChanged = await this.#credentials.refresh(store.paths(jobId).folder);
        if (isChanged) logger.info('credentials of job replaced', { job_id: jobId });
      } catch (error) {
        logger.warn('cannot give job its changed credentials', { job_id: jobId, error });
      }
    }
  }

  /** Kills a job at a user's request; resolves when the kill is sent. False if there is no such job. */
  async kill(jobId: string): Promise<boolean> {
    const job = this.#active.get(jobId);
    if (!job) return false;
    const { store, logger } = this.#options;
    // On a full disk the job is killed all the same; only a crash at this moment would lose the reason.
    await store.markKilled(jobId).catch((error: unknown) => {
      logger.warn('cannot save kill request', { job_id: jobId, error });
    });
    job.claim.noteKilled();
    job.cancel.abort(new Error('killed by user'));
    await this.#kill(jobId, job.runtime);
    return true;
  }

  /** Retries while the engine is down, because the kill request comes only once. */
  async #kill(jobId: string, runtime: Runtime): Promise<void> {
    const { store, config } = this.#options;
    const logger = this.#options.logger.with({ job_id: jobId });
    const isActive = () => this.#active.has(jobId);
    await killAgent(jobId, { runtime, store, config, logger, isActive }, this.#detach.signal).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#detach.abort(new Error('the runner is stopping'));
    await Promise.all([this.#watching, ...this.#adopting]);
    await Promise.all([...this.#active.values()].map((job) => job.done));
  }

  #run({ record, runtime, invocation, agentToken, isKilled }: Job): void {
    const { config, store, client, github, env = {}, commandPrefix = '', stateDirOption = '' } = this.#options;
    const { jobId, tenantId, taskId, turnIndex } = record;
    const logger = this.#options.logger.with({ job_id: jobId, task_id: taskId, turn_index: turnIndex });
    const agentClient = client.withToken(agentToken);
    const path = { tenantId, taskId, turnIndex };
    const claim = this.#claims.of(record);
    const detach = claim === soleClaim ? this.#detach.signal : AbortSignal.any([this.#detach.signal, claim.lost]);
    const turn = new TurnUpdates({
      client: agentClient,
      path,
      turn: invocation?.Turn,
      instanceId: this.#options.instanceId,
      logger,
      isMute: agentToken === '',
      ...(claim !== soleClaim && { prove: (signal: AbortSignal) => claim.prove(signal) }),
    });
    const watched = { path, updates: turn, client: agentClient, isStarted: false };
    const cancel = new AbortController();
    if (isKilled) cancel.abort(new Error('killed by user'));
    const context = {
      config,
      store,
      runtime,
      slots: this.#slots,
      starts: this.#starts,
      claim,
      turn,
      logger,
      hostName: hostname(),
      commandPrefix,
      stateDirOption,
      serverUrl: agentServerUrl(agentToken, config.runner.url),
      github,
      credentials: this.#credentials,
      env,
      mirrors: this.#options.mirrors,
      networks: this.#networks,
      usages: this.#usages,
      invocation,
      detach,
      cancel: cancel.signal,
      noteWaiting: () => this.#noteWaiting(),
      noteStarting: () => this.#noteStarting(),
      noteRunning: () => {
        watched.isStarted = true;
      },
      exitGrace: this.#options.exitGrace ?? exitGrace,
      sleep: this.#options.sleep ?? realSleep,
    };
    const done = runJob(record, context)
      .then((last) => {
        this.#lastFinished = last;
        const code = last.endCode ?? 'unknown';
        this.#endings.set(code, (this.#endings.get(code) ?? 0) + 1);
      })
      .catch(async (error: unknown) => {
        if (!isAbort(error, detach)) logger.error('job failed, leaving it until next start', { error });
        else if (claim.lost.aborted) await this.#leave(record, logger);
      })
      .finally(() => this.#active.delete(jobId));
    this.#active.set(jobId, { runtime, turn: watched, claim, cancel, done });
  }

  /** Another replica continues the job. */
  async #leave(record: JobRecord, logger: Logger): Promise<void> {
    const { store } = this.#options;
    const leave = async () => leaveJob(await store.readActive(record.jobId).catch(() => record), store, logger);
    await leave().catch((error: unknown) => logger.warn('cannot remove job', { error }));
  }

  #noteWaiting(): Disposable {
    this.#waiting += 1;
    return {
      [Symbol.dispose]: () => {
        this.#waiting -= 1;
        this.#onSlotsFree();
      },
    };
  }

  #noteStarting(): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#starting.add(promise);
    return {
      [Symbol.dispose]: () => {
        this.#starting.delete(promise);
        resolve();
      },
    };
  }
}
