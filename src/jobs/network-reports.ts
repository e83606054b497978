/**
 * Reports what the gateways of jobs allow and refuse, and how much of their limits jobs have used, to our server, for the logs of turns and for people. Other servers do not
 * list the feature and get no call. The server compares each report with the last one, so repeated reports change nothing, and
 * the next run of the runner needs no memory. A job never waits for a report for long.
 */
import { Backoff } from '../lib/backoff.ts';
import { systemClock } from '../lib/clock.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { readLimitStates } from '../limits/uses.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { ApiError, isAuthError, isTransient } from '../plan42/errors.ts';
import type { ServerFeature } from '../plan42/features.ts';
import { maxReportedTurns, type ReportedNetwork, type TurnNetwork } from '../plan42/turn-network.ts';
import { hasNews, turnNetwork } from './egress/turn-network.ts';
import type { JobRecord } from './record.ts';
import type { JobStore } from './store.ts';

export interface NetworkReportTiming {
  /** Between two looks at the reports of gateways. */
  intervalMs: number;
  /** Between two reports on a turn without new refusals. */
  countsMs: number;
  callMs: number;
  /** How long a job waits for the report before its turn fails. */
  flushMs: number;
  /** How long the last report is retried. */
  finalMs: number;
}

export const networkReportTiming: NetworkReportTiming = {
  intervalMs: 1000,
  countsMs: 10_000,
  callMs: 15_000,
  flushMs: 2000,
  finalMs: 5 * 60_000,
};

interface NetworkReportDeps {
  /** With the runner token. */
  client: Plan42Client;
  runner: { tenantId: string; runnerId: string };
  features: ReadonlySet<ServerFeature>;
  store: Pick<JobStore, 'readEgress' | 'paths'>;
  logger: Logger;
  timing?: NetworkReportTiming | undefined;
}

interface WatchedJob {
  record: JobRecord;
  sent: TurnNetwork | undefined;
  sentAt: number;
  /** The last report is under way, and must not be replaced by an older one. */
  isFinished: boolean;
}

interface Due {
  job: WatchedJob;
  network: TurnNetwork;
}

export class NetworkReports {
  readonly #deps: NetworkReportDeps;
  readonly #timing: NetworkReportTiming;
  readonly #watched = new Map<string, WatchedJob>();
  #sending: Promise<unknown> = Promise.resolve();
  #isRejected = false;

  constructor(deps: NetworkReportDeps) {
    this.#deps = deps;
    this.#timing = deps.timing ?? networkReportTiming;
  }

  /** Reports on the job until its {@link finish}. */
  watch(record: JobRecord): void {
    if (this.#isOwn(record)) this.#jobOf(record);
  }

  /** Reports on all watched jobs until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#deps;
    const backoff = new Backoff({ minMs: 1000, maxMs: 60_000 });
    try {
      for (;;) {
        await sleep(this.#timing.intervalMs, signal);
        const due = this.#isUsable ? await this.#findDue() : [];
        if (due.length === 0) continue;
        const error = await this.#send(due, signal);
        if (error === undefined) backoff.reset();
        else await sleep(backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined), signal);
      }
    } catch (error) {
      if (!isAbort(error, signal)) logger.error('network reports stopped', { error });
    }
  }

  /** Reports on a job whose turn is about to fail, because its log ends then. Gives up soon; rejects only if aborted. */
  async flush(record: JobRecord, signal: AbortSignal): Promise<void> {
    if (!this.#isOwn(record) || !this.#isUsable) return;
    const job = this.#jobOf(record);
    const network = await this.#read(job, false);
    if (network === undefined || isSame(job.sent, network)) return;
    const done = new AbortController();
    const limit = AbortSignal.any([signal, done.signal]);
    // The call before it may be stuck, so the limit counts from here.
    const sent = this.#send([{ job, network }], limit).catch(() => {});
    await Promise.race([sent, sleep(this.#timing.flushMs, limit).catch(() => {})]);
    done.abort();
    signal.throwIfAborted();
  }

  /** Reports on a job that has exited, for the last time. Retries for some minutes; rejects only if aborted. */
  async finish(record: JobRecord, signal: AbortSignal): Promise<void> {
    if (!this.#isOwn(record)) return;
    const job = this.#jobOf(record);
    this.#watched.delete(record.jobId);
    job.isFinished = true;
    // Such a report has no counts.
    if (job.sent?.Mode === 'None' || !this.#isUsable) return;
    const network = await this.#read(job, true);
    if (network === undefined) return;
    const until = systemClock.now() + this.#timing.finalMs;
    const backoff = new Backoff({ minMs: 500, maxMs: 30_000 });
    while (this.#isUsable && systemClock.now() < until) {
      const error = await this.#send([{ job, network }], signal);
      if (error === undefined) return;
      await sleep(backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined), signal);
    }
  }

  #jobOf(record: JobRecord): WatchedJob {
    return this.#watched.getOrInsertComputed(record.jobId, () => {
      return { record, sent: undefined, sentAt: 0, isFinished: false };
    });
  }

  /** A runner token is for one tenant. */
  #isOwn({ tenantId }: JobRecord): boolean {
    return tenantId === this.#deps.runner.tenantId;
  }

  get #isUsable(): boolean {
    return !this.#isRejected && this.#deps.features.has('TurnNetworks');
  }

  async #findDue(): Promise<Due[]> {
    const due: Due[] = [];
    for (const job of this.#watched.values()) {
      const network = await this.#read(job, false);
      if (network === undefined || isSame(job.sent, network)) continue;
      const isOld = systemClock.now() - job.sentAt >= this.#timing.countsMs;
      if (isOld || hasNews(job.sent, network)) due.push({ job, network });
      if (due.length === maxReportedTurns) break;
    }
    return due;
  }

  async #read({ record }: WatchedJob, isFinal: boolean): Promise<TurnNetwork | undefined> {
    const report = await this.#deps.store.readEgress(record.jobId).catch((error: unknown) => {
      this.#deps.logger.debug('cannot read network report', { job_id: record.jobId, error });
      return undefined;
    });
    const paths = this.#deps.store.paths(record.jobId);
    const limits = await readLimitStates(paths, record.limits, !isFinal).catch(() => []);
    return turnNetwork(record, report, isFinal, limits);
  }

  /** One at a time, so that no report overtakes a newer one. Returns an error that is worth a retry. */
  #send(due: readonly Due[], signal: AbortSignal): Promise<unknown> {
    const sent = this.#sending.then(() => this.#sendNow(due, signal));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  async #sendNow(all: readonly Due[], signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    const due = all.filter(({ job, network }) => network.IsFinal || !job.isFinished);
    if (due.length === 0) return undefined;
    const { client, runner, logger } = this.#deps;
    const turns = due.map(({ job: { record }, network }): ReportedNetwork => {
      return { TaskId: record.taskId, TurnIndex: record.turnIndex, Network: network };
    });
    try {
      const rejected = await client.reportNetworks(runner, turns, { signal, timeoutMs: this.#timing.callMs });
      for (const { job, network } of due) Object.assign(job, { sent: network, sentAt: systemClock.now() });
      for (const { TaskId, TurnIndex } of rejected) {
        const found = due.find(({ job: { record } }) => record.taskId === TaskId && record.turnIndex === TurnIndex);
        if (found) this.#watched.delete(found.job.record.jobId);
      }
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      logger.debug('cannot report networks of jobs', { error });
      if (isTransient(error) || isAuthError(error)) return error;
      // A proxy that lets only known calls pass, for example. The job's log and the turn's error message have the refusals.
      logger.warn('network reports rejected, giving up', { error });
      this.#isRejected = true;
      return undefined;
    }
  }
}

function isSame(before: TurnNetwork | undefined, after: TurnNetwork): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}
