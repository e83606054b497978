/** The jobs that replicas of this runner share, as far as they are this replica's. */
import { join } from 'node:path';
import { writeDurably } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { orAborted } from '../../lib/or-aborted.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { NotOwner, RecordExists, RecordsUnreachable, type Replicas } from '../../runtimes/replicas.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { JobRecord } from '../record.ts';
import { JobExistsError, type JobSecrets, type JobStore } from '../store.ts';
import { type JobClaim, soleClaim } from './claim.ts';
import { newSharedJob, parseSharedJob, type SharedJob } from './shared-job.ts';
import { UnclaimedJobs } from './unclaimed-jobs.ts';

/** The file in the state folder with the ID of this replica. */
const idFile = 'replica-id';

export interface SharedClaimsDeps {
  store: JobStore;
  runtime: Runtime;
  logger: Logger;
  /** Aborted when the runner stops. */
  detach: AbortSignal;
  /**
   * Called with the reason when jobs begin to wait for the place of the records, and with undefined when none waits any more.
   */
  onOutage: (reason: string | undefined) => void;
}

export interface TakenJob {
  job: SharedJob;
  /** Whether no other replica had it since the last run of this one. */
  isOwn: boolean;
}

export class SharedClaims {
  readonly #deps: SharedClaimsDeps;
  readonly #replicas: Replicas | undefined;
  readonly #jobs = new Map<string, SharedJob>();
  readonly #unclaimed: UnclaimedJobs | undefined;
  /** Why jobs that are being accepted have no record. */
  readonly #failures = new Map<string, unknown>();

  constructor(deps: SharedClaimsDeps) {
    this.#deps = deps;
    this.#replicas = deps.runtime.replicas;
    this.#unclaimed = this.#replicas && new UnclaimedJobs({ ...deps, replicas: this.#replicas });
  }

  /** Takes the jobs that no replica has, now and later, and returns those of now by job ID. Empty without replicas. */
  async join(
    onTaken: (jobId: string, job: SharedJob) => void,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, TakenJob>> {
    const { store, detach } = this.#deps;
    const jobs = new Map<string, TakenJob>();
    if (this.#replicas === undefined) return jobs;
    const file = join(store.folders.state, idFile);
    const taken = await this.#replicas.join({
      formerId: (await readTextIfExists(file))?.trim() || undefined,
      onId: (id) => writeDurably(file, `${id}\n`),
      onTaken: (jobId, content) => {
        const job = this.#parse(jobId, content);
        if (job !== undefined) onTaken(jobId, job);
      },
      signal: signal === undefined ? detach : AbortSignal.any([signal, detach]),
    });
    for (const [jobId, { content, isOwn }] of taken) {
      const job = this.#parse(jobId, content);
      if (job !== undefined) jobs.set(jobId, { job, isOwn });
    }
    return jobs;
  }

  /** Whether jobs wait for the place of the records. */
  get isBehind(): boolean {
    return (this.#unclaimed?.count ?? 0) > 0;
  }

  /**
   * Before the job is accepted. Returns its record. If the place of the records does not respond, the job is this replica's
   * until `claimLater` has created its record. @throws JobExistsError if a replica has it
   */
  async create(record: JobRecord, secrets: JobSecrets): Promise<JobRecord> {
    const replicas = this.#replicas;
    if (replicas === undefined || record.runtime !== this.#deps.runtime.name) return record;
    const { jobId } = record;
    const shared: JobRecord = { ...record, shared: true };
    if (this.#failures.has(jobId) || this.#unclaimed?.find(jobId) || !replicas.lost(jobId).aborted)
      throw new JobExistsError(jobId);
    const job = newSharedJob(shared, secrets, (text) => replicas.fits(jobId, text));
    try {
      await replicas.create(jobId, JSON.stringify(job));
    } catch (error) {
      if (error instanceof RecordExists) throw new JobExistsError(jobId, { cause: error });
      if (!(error instanceof RecordsUnreachable)) throw error;
      this.#failures.set(jobId, error);
    }
    this.#jobs.set(jobId, job);
    return shared;
  }

  /** Saves a job on the disk of this replica again if a user has deleted its record. Returns whether the job is this replica's. */
  async adopt(record: JobRecord, signal?: AbortSignal): Promise<boolean> {
    const { store, runtime, detach } = this.#deps;
    const { jobId, phase } = record;
    // The recovery of the job reports damaged files.
    const request = phase === 'accepted' ? await store.readRequest(jobId).catch(() => undefined) : undefined;
    const agentToken = await store.readAgentToken(jobId).catch(() => '');
    const fits = (text: string) => this.#replicas?.fits(jobId, text) ?? false;
    const secrets = request === undefined ? undefined : newSharedJob(record, { agentToken, request }, fits);
    const job: SharedJob = {
      ...(secrets ?? { version: 1, record, agentToken }),
      killed: await store.isKilled(jobId),
      state: await runtime.saveState?.(store.paths(jobId)).catch(() => undefined),
    };
    const either = signal === undefined ? detach : AbortSignal.any([signal, detach]);
    if (!(await this.#replicas?.adopt(jobId, JSON.stringify(job), either))) return false;
    this.#jobs.set(jobId, job);
    return true;
  }

  /** Call this when the job is on disk, from where it is removed if that fails. Creates the record of a job in the background if it has none. */
  async claimLater(jobId: string): Promise<void> {
    const why = this.#failures.get(jobId);
    if (why === undefined) return;
    try {
      await this.#deps.store.noteUnclaimed(jobId);
    } catch (error) {
      // Without the mark, the next run would take it for a job of another replica.
      this.#jobs.delete(jobId);
      await this.#deps.store.drop(jobId).catch(() => {});
      throw error;
    } finally {
      this.#failures.delete(jobId);
    }
    this.#addUnclaimed(jobId, why);
  }

  /** Continues with a job of an earlier run that had no record. Returns false if it had one. */
  async resume(record: JobRecord): Promise<boolean> {
    const { store } = this.#deps;
    const { jobId } = record;
    const replicas = this.#replicas;
    if (replicas === undefined || !(await store.isUnclaimed(jobId))) return false;
    const request = (await store.readRequest(jobId)) ?? '{}';
    const agentToken = await store.readAgentToken(jobId).catch(() => '');
    const job = newSharedJob(record, { request, agentToken }, (text) => replicas.fits(jobId, text));
    this.#jobs.set(jobId, { ...job, ...((await store.isKilled(jobId)) && { killed: true }) });
    this.#addUnclaimed(jobId, new Error('the runner was restarted before the job had a record'));
    return true;
  }

  #addUnclaimed(jobId: string, why: unknown): void {
    this.#unclaimed?.add(jobId, () => JSON.stringify(this.#jobs.get(jobId)), why);
  }

  /** The claim on a job of this runner. */
  of({ jobId, shared }: JobRecord): JobClaim {
    const replicas = this.#replicas;
    if (!shared || replicas === undefined) return soleClaim;
    const { logger, detach, store, runtime } = this.#deps;
    const unclaimed = this.#unclaimed?.find(jobId);
    const lost = unclaimed?.lost ?? replicas.lost(jobId);
    const untilClaimed = async (signal: AbortSignal) => {
      if (unclaimed !== undefined) await orAborted(unclaimed.claimed, signal);
    };
    const orLost = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        // The reason that callers compare with.
        if (error instanceof NotOwner) lost.throwIfAborted();
        throw error;
      }
    };
    const save = async (change: Partial<SharedJob>, signal: AbortSignal) => {
      const job = this.#jobs.get(jobId);
      if (job === undefined) return;
      const changed = { ...job, ...change };
      this.#jobs.set(jobId, changed);
      await untilClaimed(signal);
      await replicas.update(jobId, JSON.stringify(changed), signal);
    };
    const inBackground = (work: Promise<void>) => {
      void work.catch((error: unknown) => {
        if (!detach.aborted && !lost.aborted)
          logger.warn('cannot save job for other replicas', { job_id: jobId, error });
      });
    };
    const withoutRequest = { request: undefined, omittedBytes: undefined };
    return {
      lost,
      prove: (signal) => orLost(untilClaimed(signal).then(() => replicas.prove(jobId, signal))),
      noteStarted: (record) => {
        const state = runtime.saveState?.(store.paths(jobId)) ?? Promise.resolve(undefined);
        inBackground(state.then((text) => save({ record, state: text, ...withoutRequest }, detach)));
      },
      noteKilled: () => inBackground(save({ killed: true }, detach)),
      noteEnded: (record, signal) => orLost(save({ record, ...withoutRequest }, signal)),
      release: async (signal) => {
        // It was never accepted.
        if (!this.#failures.delete(jobId))
          await orLost(untilClaimed(signal).then(() => replicas.remove(jobId, signal)));
        this.#jobs.delete(jobId);
      },
    };
  }

  #parse(jobId: string, content: string): SharedJob | undefined {
    try {
      const job = parseSharedJob(content);
      this.#jobs.set(jobId, job);
      return job;
    } catch (error) {
      this.#deps.logger.error('cannot read record of another replica, leaving it', { job_id: jobId, error });
      return undefined;
    }
  }
}
