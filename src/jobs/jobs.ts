import { hostname } from 'node:os';
import type { Config, RuntimeName } from '../config/schema.ts';
import type { GithubConnections } from '../github/connections.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { retryForever } from '../lib/retry.ts';
import { Slots } from '../lib/slots.ts';
import type { Plan42Client } from '../plan42/client.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';
import { type Job, parseRequest, recoverJob } from './recover.ts';
import { runJob } from './run-job.ts';
import type { JobSecrets, JobStore } from './store.ts';
import { TurnUpdates } from './turn-updates.ts';

export interface JobsOptions {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  /** The runtime of jobs that an earlier run of this runner started with another one. */
  otherRuntime: (name: RuntimeName) => Runtime;
  client: Plan42Client;
  /** The runner's own. */
  tenantId: string;
  /** What a command needs to find this runner: `--state-dir … `, or nothing. */
  placeOption?: string;
  github: GithubConnections;
  logger: Logger;
}

export interface JobCounts {
  running: number;
  starting: number;
  /** For a slot, or for the feedback on pull requests. */
  waiting: number;
  /** The agent has ended, and the server is still to be told. */
  ending: number;
}

/** The place of a request in the order of arrival, until it is disposed of. */
export interface Arrival extends Disposable {
  number: number;
  /** Resolves when all that came before are taken on or refused. */
  isNext: Promise<unknown>;
}

interface ActiveJob {
  record: JobRecord;
  runtime: Runtime;
  cancel: AbortController;
  done: Promise<void>;
}

/** The jobs of this runner: takes them on, looks after them, and lets go of them without ending them. */
export class Jobs implements AsyncDisposable {
  readonly #options: JobsOptions;
  readonly #slots: Slots;
  readonly #active = new Map<string, ActiveJob>();
  readonly #starting = new Set<Promise<void>>();
  /** How many wait for something else than a slot. */
  #waiting = 0;
  #lastArrival = 0;
  #arrivals: Promise<unknown> = Promise.resolve();
  readonly #detach = new AbortController();

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#slots = new Slots(options.config.jobs.maxJobs);
  }

  /** How many jobs are waiting, running or being reported. */
  get count(): number {
    return this.#active.size;
  }

  /** Whether there is something left to do for the job. */
  has(jobId: string): boolean {
    return this.#active.has(jobId);
  }

  /** How many jobs are being started now. */
  get startingCount(): number {
    return this.#starting.size;
  }

  /** How many jobs are how far. */
  get counts(): JobCounts {
    const { held } = this.#slots;
    const waiting = this.#slots.waiting + this.#waiting;
    const starting = this.#starting.size;
    const running = Math.max(0, held - starting);
    return { running, starting, waiting, ending: Math.max(0, this.count - held - waiting) };
  }

  /** Resolves when no job is being started; those that wait for a slot do not count. */
  async whenStartedUp(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all(this.#starting);
  }

  /** To be called as soon as a request is there, before anything is awaited. */
  arrive(): Arrival {
    const { promise, resolve } = Promise.withResolvers<void>();
    const isNext = this.#arrivals;
    this.#arrivals = Promise.all([isNext, promise]);
    this.#lastArrival += 1;
    return { number: this.#lastArrival, isNext, [Symbol.dispose]: resolve };
  }

  /**
   * Takes a job on: when this resolves, it is on disk and will run. Jobs get their slots in the order of arrival, and not in that
   * in which the disk is done with them.
   * @throws JobExistsError
   */
  async accept(accepted: JobRecord, secrets: JobSecrets, arrival = this.arrive()): Promise<void> {
    using place = arrival;
    const { store, runtime } = this.#options;
    const record = { ...accepted, arrival: place.number };
    await store.create(record, secrets);
    await place.isNext;
    const { request, agentToken } = secrets;
    this.#watch({ record, runtime, invocation: parseRequest(request), agentToken, isKilled: false });
  }

  /** Goes on with the jobs that an earlier run of this runner left. */
  async adopt(): Promise<void> {
    const { logger } = this.#options;
    for (const job of await this.#readLeft()) {
      const { jobId, phase } = job.record;
      this.#watch(job);
      logger.info('a job of an earlier run is looked after again', { job_id: jobId, phase });
      if (job.isKilled) void this.#end(jobId, job.runtime);
    }
  }

  /** Running jobs first, since they hold their slots already; the others in the order in which they arrived. */
  async #readLeft(): Promise<Job[]> {
    const { store, logger } = this.#options;
    for (const { name, path } of await store.clearStrays())
      logger.error('a file was where the folder of a job should be, and is put aside', { job_id: name, path });
    const left: Job[] = [];
    for (const jobId of await store.listActive()) {
      try {
        left.push(await recoverJob(jobId, this.#options));
      } catch (error) {
        const { folder } = store.place(jobId);
        logger.error('a job of an earlier run cannot be read and is left as it is', { job_id: jobId, folder, error });
      }
    }
    this.#lastArrival = Math.max(this.#lastArrival, ...left.map(({ record }) => record.arrival ?? 0));
    return left.toSorted((a, b) => compareArrival(a.record, b.record));
  }

  /** Ends a job by a person's wish, and resolves when it is told to. Returns false when there is no such job. */
  async kill(jobId: string): Promise<boolean> {
    const job = this.#active.get(jobId);
    if (!job) return false;
    const { store, logger } = this.#options;
    // On a full disk it is killed all the same; only a crash in this moment would forget by whom.
    await store.markKilled(jobId).catch((error: unknown) => {
      logger.warn('the wish to kill a job could not be written down', { job_id: jobId, error });
    });
    job.cancel.abort(new Error('killed by user'));
    await this.#end(jobId, job.runtime);
    return true;
  }

  /** Tries until it is told, since the engine can be down: nobody will ask again. */
  async #end(jobId: string, runtime: Runtime): Promise<void> {
    const { store, config, logger } = this.#options;
    const options = { logger: logger.with({ job_id: jobId }), signal: this.#detach.signal };
    const kill = async () => {
      if (this.#active.has(jobId)) await runtime.kill(store.place(jobId), config.jobs.stopTimeoutMs);
    };
    await retryForever(kill, { ...options, failure: 'cannot kill job, retrying' }).catch(() => {});
  }

  /** Stops looking after the jobs. Those that run go on, and the next run of this runner adopts them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#detach.abort(new Error('the runner stops'));
    await Promise.all([...this.#active.values()].map((job) => job.done));
  }

  #watch({ record, runtime, invocation, agentToken, isKilled }: Job): void {
    const { config, store, client, github } = this.#options;
    const { jobId, tenantId, taskId, turnIndex } = record;
    const logger = this.#options.logger.with({ job_id: jobId, task_id: taskId, turn_index: turnIndex });
    const path = { tenantId, taskId, turnIndex };
    const turn = new TurnUpdates({
      client: client.withToken(agentToken),
      path,
      turn: invocation?.Turn,
      logger,
      isMute: agentToken === '',
    });
    const cancel = new AbortController();
    if (isKilled) cancel.abort(new Error('killed by user'));
    const context = {
      config,
      store,
      runtime,
      slots: this.#slots,
      turn,
      logger,
      hostName: hostname(),
      placeOption: this.#options.placeOption ?? '',
      github,
      invocation,
      detach: this.#detach.signal,
      cancel: cancel.signal,
      noteWaiting: () => this.#noteWaiting(),
      noteStarting: () => this.#noteStarting(),
    };
    const done = runJob(record, context)
      .catch((error: unknown) => {
        if (!isAbort(error, this.#detach.signal))
          logger.error('the job is left as it is until the next start', { error });
      })
      .finally(() => this.#active.delete(jobId));
    this.#active.set(jobId, { record, runtime, cancel, done });
  }

  #noteWaiting(): Disposable {
    this.#waiting += 1;
    return {
      [Symbol.dispose]: () => {
        this.#waiting -= 1;
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

function compareArrival(a: JobRecord, b: JobRecord): number {
  const isWaiting = ({ phase }: JobRecord) => Number(phase === 'accepted');
  return (
    isWaiting(a) - isWaiting(b) ||
    (a.arrival ?? 0) - (b.arrival ?? 0) ||
    Date.parse(a.acceptedAt) - Date.parse(b.acceptedAt)
  );
}
