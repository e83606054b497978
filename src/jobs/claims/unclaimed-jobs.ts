/**
 * Jobs that this replica has accepted while the place of the records could not be reached. Each is on the disk of this replica
 * only, and does not start before it has a record.
 */
import { formatError, isAbort } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { NotOwner, RecordExists, type Replicas } from '../../runtimes/replicas.ts';
import type { JobStore } from '../store.ts';

export interface UnclaimedJob {
  /** Resolves when the job has its record. Rejects with `NotOwner` if another replica has it, or when the runner stops. */
  claimed: Promise<void>;
  /** Aborted when another replica has the job, also later. */
  lost: AbortSignal;
}

export interface UnclaimedJobsDeps {
  replicas: Replicas;
  store: Pick<JobStore, 'noteClaimed'>;
  logger: Logger;
  detach: AbortSignal;
  /** Called with the reason when the first job waits, and with undefined when none waits any more. */
  onOutage: (reason: string | undefined) => void;
  retryMs?: number;
}

export class UnclaimedJobs {
  readonly #deps: UnclaimedJobsDeps;
  readonly #jobs = new Map<string, UnclaimedJob>();

  constructor(deps: UnclaimedJobsDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#jobs.size;
  }

  find(jobId: string): UnclaimedJob | undefined {
    return this.#jobs.get(jobId);
  }

  /** @param content returns the newest content of the record */
  add(jobId: string, content: () => string, why: unknown): void {
    const lost = new AbortController();
    if (this.#jobs.size === 0) this.#deps.onOutage(formatError(why));
    this.#deps.logger.warn('job waits for its record', { job_id: jobId, error: formatError(why) });
    const claimed = this.#claim(jobId, content, lost).finally(() => {
      this.#jobs.delete(jobId);
      if (this.#jobs.size === 0) this.#deps.onOutage(undefined);
    });
    claimed.catch((error: unknown) => {
      if (lost.signal.aborted || isAbort(error, this.#deps.detach)) return;
      this.#deps.logger.error('cannot create record of job', { job_id: jobId, error });
    });
    this.#jobs.set(jobId, { claimed, lost: lost.signal });
  }

  async #claim(jobId: string, content: () => string, lost: AbortController): Promise<void> {
    const { replicas, store, logger, detach, retryMs = 1000 } = this.#deps;
    for (;;) {
      await sleep(retryMs, detach);
      try {
        await replicas.create(jobId, content());
        break;
      } catch (error) {
        detach.throwIfAborted();
        if (error instanceof RecordExists) {
          lost.abort(new NotOwner(jobId));
          lost.signal.throwIfAborted();
        }
        logger.debug('cannot create record of job, retrying', { job_id: jobId, error: formatError(error) });
      }
    }
    const later = replicas.lost(jobId);
    const lose = () => lost.abort(later.reason);
    if (later.aborted) lose();
    else later.addEventListener('abort', lose, { once: true });
    // Otherwise the next run finds the record.
    await store.noteClaimed(jobId).catch((error: unknown) => {
      logger.warn('cannot write that job has its record', { job_id: jobId, error });
    });
    logger.info('job has its record', { job_id: jobId });
  }
}
