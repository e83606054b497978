import { hostname } from 'node:os';
import * as v from 'valibot';
import type { Config } from '../config/schema.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { InvokeAgentRequest } from '../plan42/messages.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { JobRecord } from './record.ts';
import { runJob } from './run-job.ts';
import { Slots } from './slots.ts';
import type { JobSecrets, JobStore } from './store.ts';
import { TurnUpdates } from './turn-updates.ts';

export interface JobsOptions {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  client: Plan42Client;
  logger: Logger;
}

interface ActiveJob {
  record: JobRecord;
  cancel: AbortController;
  done: Promise<void>;
}

/** The jobs of this runner: takes them on, looks after them, and lets go of them without ending them. */
export class Jobs implements AsyncDisposable {
  readonly #options: JobsOptions;
  readonly #slots: Slots;
  readonly #active = new Map<string, ActiveJob>();
  readonly #starting = new Set<Promise<void>>();
  readonly #detach = new AbortController();

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#slots = new Slots(options.config.jobs.maxJobs);
  }

  /** How many jobs are waiting, running or being reported. */
  get count(): number {
    return this.#active.size;
  }

  /** How many jobs are being started now. */
  get startingCount(): number {
    return this.#starting.size;
  }

  /** Resolves when no job is being started; those that wait for a slot do not count. */
  async whenStartedUp(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all(this.#starting);
  }

  /**
   * Takes a job on: when this resolves, it is on disk and will run.
   * @throws JobExistsError
   */
  async accept(record: JobRecord, secrets: JobSecrets): Promise<void> {
    await this.#options.store.create(record, secrets);
    this.#watch(record, secrets);
  }

  /** Goes on with the jobs that an earlier run of this runner left. */
  async adopt(): Promise<void> {
    const { logger } = this.#options;
    for (const { record, secrets, killed } of await this.#readLeft()) {
      this.#watch(record, secrets);
      logger.info('a job of an earlier run is looked after again', { job_id: record.jobId, phase: record.phase });
      if (!killed) continue;
      this.kill(record.jobId).catch((error: unknown) => {
        logger.error('a job could not be killed', { job_id: record.jobId, error });
      });
    }
  }

  /** Running jobs first, since they hold their slots already; the others in the order in which they were accepted. */
  async #readLeft() {
    const { store, runtime, logger } = this.#options;
    const left = [];
    for (const jobId of await store.listActive()) {
      try {
        const record = await store.readActive(jobId);
        // Whatever the record says: the last run may have ended before it could write it.
        if (record.phase === 'accepted' && (await runtime.wasStarted(store.place(jobId)))) record.phase = 'started';
        const request = (await store.readRequest(jobId)) ?? '{}';
        const secrets = { request, agentToken: await store.readAgentToken(jobId) };
        left.push({ record, secrets, killed: await store.isKilled(jobId) });
      } catch (error) {
        logger.error('a job of an earlier run cannot be read', { job_id: jobId, error });
      }
    }
    const rank = ({ phase, acceptedAt }: JobRecord) => `${phase === 'accepted' ? 1 : 0} ${acceptedAt}`;
    return left.toSorted((a, b) => (rank(a.record) < rank(b.record) ? -1 : 1));
  }

  /** Ends a job by a person's wish. Returns false when there is no such job. */
  async kill(jobId: string): Promise<boolean> {
    const job = this.#active.get(jobId);
    if (!job) return false;
    const { store, runtime, config } = this.#options;
    await store.markKilled(jobId);
    job.cancel.abort(new Error('killed by user'));
    await runtime.kill(store.place(jobId), config.jobs.stopTimeoutMs);
    return true;
  }

  /** Stops looking after the jobs. Those that run go on, and the next run of this runner adopts them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#detach.abort(new Error('the runner stops'));
    await Promise.all([...this.#active.values()].map((job) => job.done));
  }

  #watch(record: JobRecord, { request, agentToken }: JobSecrets): void {
    const { config, store, runtime, client } = this.#options;
    const { jobId, tenantId, taskId, turnIndex } = record;
    const logger = this.#options.logger.with({ job_id: jobId, task_id: taskId, turn_index: turnIndex });
    const parsed = v.safeParse(InvokeAgentRequest, JSON.parse(request));
    const invocation = parsed.success ? parsed.output : undefined;
    const path = { tenantId, taskId, turnIndex };
    const turn = new TurnUpdates({ client: client.withToken(agentToken), path, turn: invocation?.Turn, logger });
    const cancel = new AbortController();
    const context = {
      config,
      store,
      runtime,
      slots: this.#slots,
      turn,
      logger,
      hostName: hostname(),
      connectionId: invocation?.PrivateGithubConnectionID,
      detach: this.#detach.signal,
      cancel: cancel.signal,
      noteStarting: () => this.#noteStarting(),
    };
    const done = runJob(record, context)
      .catch((error: unknown) => {
        if (!isAbort(error, this.#detach.signal))
          logger.error('the job is left as it is until the next start', { error });
      })
      .finally(() => this.#active.delete(jobId));
    this.#active.set(jobId, { record, cancel, done });
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
