/**
 * Writes the calls of models that the gateways of jobs have counted to our server, as provider usage of their turns. Each call
 * has a number, and a call that is written again changes nothing, so that none is lost or counted twice by a restart.
 */
import { join } from 'node:path';
import { type LedgerEntry, readJobUsage, sizeOfUsage } from '../gateway/models/ledger.ts';
import { sumUsage, type UsageTotals } from '../gateway/models/usage.ts';
import { Backoff } from '../lib/backoff.ts';
import { systemClock } from '../lib/clock.ts';
import { isAbort } from '../lib/errors.ts';
import { writeDurably } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { ApiError, isAuthError, isTransient } from '../plan42/errors.ts';
import type { ServerFeature } from '../plan42/features.ts';
import type { ReportedUsage } from '../plan42/provider-usage.ts';
import type { JobRecord } from './record.ts';
import type { JobStore } from './store.ts';

interface UsageReportDeps {
  /** With the runner token. */
  client: Pick<Plan42Client, 'writeUsage'>;
  /** A runner token is for one tenant. */
  runner: { tenantId: string };
  features: ReadonlySet<ServerFeature>;
  store: Pick<JobStore, 'paths'>;
  logger: Logger;
}

interface WatchedJob {
  record: JobRecord;
  /** The size of the ledger whose calls are all written. */
  writtenBytes: number;
  /** The server does not take them. */
  isRejected: boolean;
}

const intervalMs = 2000;
const callMs = 15_000;
// A runner token that is not accepted may be replaced soon, and the job's record waits as long.
const maxAuthFailureMs = 5 * 60_000;
/** The number of calls that are written, in the job's folder. */
const cursorFile = 'usage-written';

export class UsageReports {
  readonly #deps: UsageReportDeps;
  readonly #watched = new Map<string, WatchedJob>();

  constructor(deps: UsageReportDeps) {
    this.#deps = deps;
  }

  /** Whether the server takes the calls of a job that starts now. Its record says so later. */
  get isSupported(): boolean {
    return this.#deps.features.has('ProviderUsage');
  }

  /** Writes the calls of the job until its {@link finish}. */
  watch(record: JobRecord): void {
    if (this.#isReported(record)) this.#jobOf(record);
  }

  /** Writes the calls of all watched jobs until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#deps;
    const backoff = new Backoff({ minMs: 1000, maxMs: 60_000 });
    try {
      for (;;) {
        await sleep(intervalMs, signal);
        const error = await this.#writeAll(signal);
        if (error === undefined) backoff.reset();
        else await sleep(backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined), signal);
      }
    } catch (error) {
      if (!isAbort(error, signal)) logger.error('usage reports stopped', { error });
    }
  }

  /**
   * Writes the last calls of a job whose gateway has exited, and returns the sum of all; undefined if there were none. Retries
   * until the server has them, or does not take them. Rejects only if aborted.
   */
  async finish(record: JobRecord, signal: AbortSignal): Promise<UsageTotals | undefined> {
    const entries = await readJobUsage(this.#folderOf(record)).catch(() => []);
    if (entries.length > 0 && this.#isReported(record)) await this.#writeUntilDone(this.#jobOf(record), signal);
    this.#watched.delete(record.jobId);
    return entries.length === 0 ? undefined : sumUsage(entries);
  }

  #isReported({ tenantId, reportsUsage }: JobRecord): boolean {
    return reportsUsage === true && tenantId === this.#deps.runner.tenantId;
  }

  #folderOf({ jobId }: JobRecord): string {
    return this.#deps.store.paths(jobId).folder;
  }

  #jobOf(record: JobRecord): WatchedJob {
    return this.#watched.getOrInsertComputed(record.jobId, () => ({ record, writtenBytes: 0, isRejected: false }));
  }

  /** Returns an error that is worth a retry. */
  async #writeAll(signal: AbortSignal): Promise<unknown> {
    for (const job of this.#watched.values()) {
      const error = await this.#write(job, signal);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  async #writeUntilDone(job: WatchedJob, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minMs: 500, maxMs: 60_000 });
    let authFailsSince: number | undefined;
    for (;;) {
      const error = await this.#write(job, signal);
      if (error === undefined) return;
      authFailsSince = isAuthError(error) ? (authFailsSince ?? systemClock.now()) : undefined;
      if (authFailsSince !== undefined && systemClock.now() - authFailsSince > maxAuthFailureMs) return;
      await sleep(backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined), signal);
    }
  }

  /** Returns an error that is worth a retry. Rejects only if aborted. */
  async #write(job: WatchedJob, signal: AbortSignal): Promise<unknown> {
    const folder = this.#folderOf(job.record);
    const size = await sizeOfUsage(folder).catch(() => 0);
    if (job.isRejected || size === job.writtenBytes) return undefined;
    const entries = await readJobUsage(folder).catch(() => []);
    const first = await readCursor(folder);
    const { tenantId, taskId, turnIndex, jobId } = job.record;
    const turn = { tenantId, taskId, turnIndex };
    let next = first;
    try {
      for (const entry of entries.slice(first)) {
        await this.#deps.client.writeUsage(turn, next, usageOf(entry), { signal, timeoutMs: callMs });
        next += 1;
      }
      job.writtenBytes = size;
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (isTransient(error) || isAuthError(error)) return error;
      // A task that was deleted, for example. The job's own record has the sum.
      this.#deps.logger.warn('usage of models rejected, giving up', { job_id: jobId, error });
      job.isRejected = true;
      return undefined;
    } finally {
      if (next > first) await writeDurably(join(folder, cursorFile), `${next}\n`).catch(() => {});
    }
  }
}

/** A lost number only writes the same calls again. */
async function readCursor(folder: string): Promise<number> {
  const text = await readTextIfExists(join(folder, cursorFile)).catch(() => undefined);
  const written = Number(text?.trim() ?? '0');
  return Number.isSafeInteger(written) && written > 0 ? written : 0;
}

function usageOf(entry: LedgerEntry): ReportedUsage {
  return {
    Provider: entry.provider,
    ProviderModelID: entry.model,
    ResponseID: entry.responseId,
    PromptTokens: entry.inputTokens + entry.cachedInputTokens + entry.cacheWriteTokens,
    CompletionTokens: entry.outputTokens,
    CachedReadInputTokens: entry.cachedInputTokens,
    // The shortest time to live, which is the usual one, because responses do not always say.
    CacheCreationInputTokensByTTL: entry.cacheWriteTokens === 0 ? undefined : { '5m': entry.cacheWriteTokens },
    ReasoningTokens: entry.reasoningTokens,
    RequestStartedAt: entry.startedAt,
    ResponseCompletedAt: entry.completedAt,
    Cost: entry.cost,
    IsEstimate: entry.isEstimate,
  };
}
