import { GithubError, loggable } from '../github/errors.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { environmentFailure } from '../lib/environment-failure.ts';
import type { Logger } from '../lib/logger.ts';
import { Slots } from '../lib/slots.ts';
import { ApiError, ConnectionError, isAuthError } from '../plan42/errors.ts';
import { type EventToHandle, fieldsOf } from './handle-event.ts';
import type { Metrics } from './metrics.ts';

export interface QueuedEvent extends EventToHandle {
  feedKey: string;
  /** Names the pull request: its events are handled one after the other. */
  pullRequestKey: string;
  /** Aborted when its feed is removed. */
  signal: AbortSignal;
}

export interface EventQueueOptions {
  handle: (item: QueuedEvent, signal: AbortSignal) => Promise<void>;
  /** Called when an event needs no further attempt. Never rejects. */
  onDone: (item: QueuedEvent) => Promise<void>;
  /** Whether the server rejects the token of the runner for every call. */
  isTokenRejected: (signal: AbortSignal) => Promise<boolean>;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
}

const maxWaiting = 200;
const maxConcurrent = 8;
const backoffLimits = { minMs: 1000, maxMs: 60_000 };
// A server that is down for longer does not need the turn of yesterday's comment.
const giveUpMs = 24 * 3_600_000;

/** Handles events: those of one pull request in order, and again until they succeed. */
export class EventQueue {
  readonly #options: EventQueueOptions;
  readonly #last = new Map<string, Promise<void>>();
  readonly #slots = new Slots(maxConcurrent);
  readonly #drain = new AbortController();
  readonly #abort = new AbortController();
  #size = 0;
  #roomWaiters: (() => void)[] = [];
  #hasReportedRefusal = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  /** The number of events that wait or are being handled. */
  get size(): number {
    return this.#size;
  }

  /** Waits until `count` events fit in, or the queue is empty. Rejects with the signal's reason. */
  async room(count: number, signal: AbortSignal): Promise<void> {
    while (this.#size > 0 && this.#size + count > maxWaiting) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#roomWaiters.push(resolve);
      await promise.finally(() => signal.removeEventListener('abort', abort));
    }
    signal.throwIfAborted();
  }

  add(item: QueuedEvent): void {
    const { pullRequestKey: key } = item;
    this.#size += 1;
    const previous = this.#last.get(key) ?? Promise.resolve();
    const work = previous
      .then(() => this.#run(item))
      .finally(() => {
        this.#size -= 1;
        if (this.#last.get(key) === work) this.#last.delete(key);
        for (const wake of this.#roomWaiters.splice(0)) wake();
      });
    this.#last.set(key, work);
  }

  /** Gives each event that waits one attempt, until the signal aborts. The next run handles what remains. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#drain.abort();
    const abort = () => this.#abort.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    await Promise.all(this.#last.values());
    signal.removeEventListener('abort', abort);
  }

  /** Never rejects. */
  async #run(item: QueuedEvent): Promise<void> {
    const { clock, metrics, logger, onDone } = this.#options;
    const signal = AbortSignal.any([this.#abort.signal, item.signal]);
    if (signal.aborted) return;
    const backoff = new Backoff(backoffLimits);
    const startedAt = clock.now();
    for (;;) {
      const failure = await this.#attempt(item, signal);
      if (signal.aborted) return;
      if (failure === undefined) return onDone(item);
      const { error, isTemporary } = failure;
      if (!isTemporary || clock.now() - startedAt > giveUpMs) {
        metrics.failed += 1;
        this.#logFailure(item, error);
        return onDone(item);
      }
      if (this.#drain.signal.aborted) return;
      const delayMs = Math.ceil(backoff.next(retryAfterMs(error, clock)));
      const fields = { ...fieldsOf(item), error: loggable(error), delay_ms: delayMs };
      if (backoff.attempts === 1) logger.warn('cannot handle GitHub event, retrying', fields);
      else logger.debug('cannot handle GitHub event, retrying', fields);
      const interrupted = AbortSignal.any([signal, this.#drain.signal]);
      const isInterrupted = await clock.sleep(delayMs, interrupted).then(
        () => false,
        () => true,
      );
      if (isInterrupted) return;
    }
  }

  async #attempt(
    item: QueuedEvent,
    signal: AbortSignal,
  ): Promise<{ error: unknown; isTemporary: boolean } | undefined> {
    try {
      using _slot = await this.#slots.take(signal);
      await this.#options.handle(item, signal);
      return undefined;
    } catch (error) {
      if (signal.aborted) return { error, isTemporary: true };
      return { error, isTemporary: await this.#isTemporary(error, signal) };
    }
  }

  async #isTemporary(error: unknown, signal: AbortSignal): Promise<boolean> {
    if (error instanceof GithubError) {
      const { status, retryAt } = error;
      return retryAt !== undefined || status === undefined || status === 401 || status >= 500;
    }
    // Some servers reject a call that runners may not make like a token that has expired.
    if (error instanceof ApiError && error.status === 401) return this.#options.isTokenRejected(signal);
    if (error instanceof ApiError) return error.status === 429 || (error.status >= 500 && error.status !== 501);
    return error instanceof ConnectionError || environmentFailure(error) !== undefined;
  }

  #logFailure(item: QueuedEvent, error: unknown): void {
    const { logger } = this.#options;
    if (!isAuthError(error)) {
      logger.error('cannot handle GitHub event', { ...fieldsOf(item), error: loggable(error) });
      return;
    }
    const remedy = 'Update the server, or set events.enabled to false.';
    const report = { error, remedy };
    if (!this.#hasReportedRefusal) logger.error('server does not let runners handle GitHub events', report);
    this.#hasReportedRefusal = true;
  }
}

function retryAfterMs(error: unknown, clock: Clock): number {
  if (error instanceof ApiError) return error.retryAfterMs ?? 0;
  if (!(error instanceof GithubError) || error.retryAt === undefined) return 0;
  return Math.max(0, error.retryAt.getTime() - clock.date().getTime());
}
