import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import { Backoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { CallOptions, QueuePath } from '../../plan42/client.ts';
import { generateKeyPair, publicKeyPem } from '../../plan42/ecies.ts';
import { ApiError, isAuthError } from '../../plan42/errors.ts';
import { noteFeatures, type ServerFeature } from '../../plan42/features.ts';
import type { RunnerHealth } from '../health.ts';
import { CallLimiter } from './call-limiter.ts';
import { Ewma } from './ewma.ts';
import { PollWait } from './poll-wait.ts';
import { nextPhase, type QueueEvent, type QueuePhase } from './queue-phase.ts';
import { deleteQueue, markDraining, type QueueClient, type RemovalOptions } from './queue-removal.ts';
import { RetryDelay } from './retry-delay.ts';
import { pollUtilisation } from './scaler.ts';

export interface QueueOptions {
  client: QueueClient;
  tenantId: string;
  runnerId: string;
  settings: Config['queues'];
  /** Filled with those that the server lists. */
  features: Set<ServerFeature>;
  /** The headers of one poll, which report the free slots. */
  slotHeaders: () => Record<string, string>;
  health: RunnerHealth;
  logger: Logger;
  /** Handles one message; never rejects. */
  onMessage: (raw: unknown, queue: Queue) => Promise<void>;
  /** Called after each successful poll. */
  onPoll: (messages: number) => void;
  /** Called when the server has deleted the queue. Responses may still be in progress. */
  onLost: () => void;
  /** Delay before the registration. */
  registerAfterMs: number;
  /** Shortens a drain: messages already received still get responses. */
  force: AbortSignal;
  /** Ends everything at once, including calls in flight. */
  abort: AbortSignal;
  clock?: Clock;
}

const registrationBackoff = { minMs: 10, maxMs: 5000 };
const pollBackoff = { minMs: 100, maxMs: 60_000 };
const utilisationTimeMs = 60_000;
const emptyBackoff = { minMs: 1, maxMs: 50 };
// A 404 from a proxy does not mean that the queue is gone, unless it lasts so long that the server has expired the queue.
const maxForeignNotFoundMs = 60_000;

export type QueueOutcome = 'drained' | 'lost' | 'aborted';

/** One queue of the runner with its own key pair, from registration to removal. */
export class Queue {
  readonly path: QueuePath;
  /** Shared by all calls for this queue. */
  readonly limiter: CallLimiter;
  readonly #clock: Clock;
  readonly #keys = generateKeyPair();
  readonly #options: QueueOptions;
  readonly #drain = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #logger: Logger;
  #phase: QueuePhase = 'registering';
  /** Aborted to end a pause. */
  #wake = new AbortController();
  /** Aborted to end the poll in flight. */
  #poll = new AbortController();
  /** Time until which a draining queue is polled at least. */
  #drainUntil = Number.POSITIVE_INFINITY;
  readonly #pollWait = new PollWait();
  readonly #utilisation = new Ewma(utilisationTimeMs);
  /** Resolves when the queue is gone: `lost` if the server deleted it, `aborted` if it may still exist on the server. */
  readonly ended: Promise<QueueOutcome>;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.limiter = new CallLimiter(this.#clock);
    this.path = { tenantId: options.tenantId, runnerId: options.runnerId, queueId: randomUUID() };
    this.#logger = options.logger.with({ queue_id: this.path.queueId });
    this.ended = this.#run();
  }

  get id(): string {
    return this.path.queueId;
  }

  get phase(): QueuePhase {
    return this.#phase;
  }

  get privateKey() {
    return this.#keys.privateKey;
  }

  /** Whether any poll has succeeded. */
  get hasPolled(): boolean {
    return this.#utilisation.value !== undefined;
  }

  /** Average over about the last minute, from 0 to 1; undefined before the first poll. */
  get utilisation(): number | undefined {
    return this.#utilisation.value;
  }

  get isDraining(): boolean {
    return this.#drain.signal.aborted;
  }

  /** Number of messages being handled. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Stops taking work, finishes messages in flight, then deletes the queue on the server. */
  drain(): void {
    if (this.isDraining) return;
    this.#drain.abort();
    this.retryNow();
    if (this.#phase === 'polling') this.#startDraining();
  }

  /** Ends a pause after a failure. */
  retryNow(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** Aborts the poll in flight, whose connection is known to be dead, and polls again. */
  abandonPoll(reason: Error): void {
    this.#poll.abort(reason);
    this.retryNow();
  }

  async #run(): Promise<QueueOutcome> {
    const { abort, force, health } = this.#options;
    const interrupt = () => this.abandonPoll(new Error('the queue is shutting down'));
    for (const signal of [abort, force]) signal.addEventListener('abort', interrupt, { once: true });
    try {
      await this.#register();
      if (this.#phase === 'gone') return 'drained';
      const outcome = await this.#pollUntilDrained();
      if (outcome !== 'drained') this.#lose();
      while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
      if (outcome === 'lost') return outcome;
      if (outcome === 'rejected') {
        this.#logger.warn('runner token rejected, leaving queue to the next start');
        return 'aborted';
      }
      await deleteQueue(this.path, this.#removal);
      this.#enter('drained');
      return outcome;
    } catch (error) {
      if (abort.aborted) return 'aborted';
      throw error;
    } finally {
      for (const signal of [abort, force]) signal.removeEventListener('abort', interrupt);
      health.remove(this.id);
    }
  }

  get #removal(): RemovalOptions {
    const { client, abort } = this.#options;
    return { client, logger: this.#logger, limiter: this.limiter, abort, clock: this.#clock };
  }

  #enter(event: QueueEvent): void {
    this.#phase = nextPhase(this.#phase, event);
    this.#logger.debug('queue phase changed', { event, phase: this.#phase });
  }

  /** The replacement starts at once, before the last responses of this queue are delivered. */
  #lose(): void {
    this.#enter('lost');
    this.#options.health.remove(this.id);
    this.#options.onLost();
  }

  async #register(): Promise<void> {
    const { client, abort, health, registerAfterMs } = this.#options;
    const delay = new RetryDelay(registrationBackoff, health, this.id);
    const publicKey = publicKeyPem(this.#keys.publicKey);
    if (registerAfterMs > 0) await this.#pause(registerAfterMs, this.#wake.signal);
    while (this.#phase === 'registering') {
      if (this.isDraining) {
        this.#enter('drain');
        return;
      }
      const wake = this.#wake.signal;
      try {
        const register = () => client.registerQueue(this.path, publicKey, { signal: abort });
        const { Features } = await this.limiter.call(register, abort);
        noteFeatures(this.#options.features, Features ?? []);
        this.#enter('registered');
      } catch (error) {
        abort.throwIfAborted();
        // The queue exists, so an earlier attempt succeeded. Otherwise the first poll fails with 404.
        if (error instanceof ApiError && error.status === 409) this.#enter('registered');
        else await this.#pause(delay.failed(error), wake);
      }
    }
    delay.succeeded();
    this.#logger.info('queue registered');
    // `drain` was called during the registration.
    if (this.isDraining) this.#startDraining();
  }

  async #pollUntilDrained(): Promise<'drained' | 'lost' | 'rejected'> {
    const { settings, abort, force, health } = this.#options;
    const delay = new RetryDelay(pollBackoff, health, this.id);
    const afterEmpty = new Backoff(emptyBackoff);
    let foreignNotFoundSince = Number.POSITIVE_INFINITY;
    for (;;) {
      if (force.aborted) return 'drained';
      const wake = this.#wake.signal;
      const remainingMs = this.#drainUntil - this.#clock.now();
      try {
        // No long poll after a failure, so that a recovery is noticed at once.
        const waitMs = delay.isFailing ? 0 : Math.max(0, Math.min(settings.pollWaitMs, remainingMs));
        const count = await this.#takeMessages(this.#pollWait.ms(waitMs));
        delay.succeeded();
        foreignNotFoundSince = Number.POSITIVE_INFINITY;
        if (count > 0) afterEmpty.reset();
        else if (remainingMs <= 0) return 'drained';
        else await this.#pause(afterEmpty.next(), wake);
      } catch (error) {
        abort.throwIfAborted();
        if (isNotFound(error)) {
          const now = this.#clock.now();
          foreignNotFoundSince = Math.min(foreignNotFoundSince, now);
          if (error.isFromApi || now - foreignNotFoundSince >= maxForeignNotFoundMs) return 'lost';
        }
        // A server that rejects the token would reject the deletion as well.
        if (this.isDraining && isAuthError(error)) return 'rejected';
        if (!force.aborted) await this.#pause(delay.failed(error), wake);
      }
    }
  }

  async #takeMessages(waitMs: number): Promise<number> {
    this.#poll = new AbortController();
    const { onPoll } = this.#options;
    const { signal } = this.#poll;
    const messages = await this.limiter.call(() => this.#getMessages(waitMs, signal), signal);
    this.#utilisation.add(pollUtilisation(messages.length), this.#clock.now());
    onPoll(messages.length);
    for (const message of messages) this.#handle(message);
    // Responses are sent before the next poll, which then takes more messages at once.
    if (messages.length > 0) await setImmediate();
    return messages.length;
  }

  /** A poll that a proxy has ended is empty. */
  async #getMessages(waitMs: number, signal: AbortSignal): Promise<unknown[]> {
    const startedAt = this.#clock.now();
    const elapsedMs = () => this.#clock.now() - startedAt;
    try {
      const messages = await this.#options.client.getMessages(this.path, waitMs, this.#pollOptions(signal));
      this.#pollWait.succeeded(elapsedMs());
      return messages;
    } catch (error) {
      if (signal.aborted || !this.#pollWait.wasCut(error, { elapsedMs: elapsedMs(), waitMs })) throw error;
      this.#logger.debug('poll cut off, polling for shorter', {
        wait_ms: Math.round(this.#pollWait.ms(waitMs)),
        error,
      });
      return [];
    }
  }

  /**
   * Reports the free slots while a poll is in flight, by another poll that returns at once. The one in flight is not ended
   * for that, because the messages that it returns would be lost.
   */
  async reportSlots(): Promise<void> {
    const { client, abort } = this.#options;
    if (this.#phase !== 'polling') return;
    const poll = () => client.getMessages(this.path, 0, this.#pollOptions(abort));
    for (const message of await this.limiter.call(poll, abort)) this.#handle(message);
  }

  #pollOptions(signal: AbortSignal): CallOptions {
    return { signal, headers: this.#options.slotHeaders() };
  }

  /** Keeps the poll in flight: aborting it would lose the messages that it returns. */
  #startDraining(): void {
    this.#enter('drain');
    void markDraining(this.path, this.#removal).then(() => {
      this.#drainUntil = this.#clock.now() + this.#options.settings.drainTimeMs;
    });
  }

  #handle(message: unknown): void {
    const work = this.#options.onMessage(message, this).finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  /** `wake` must be taken before the failed call, so that a `retryNow` during the call counts too. */
  async #pause(ms: number, wake: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, wake);
    } catch {
      this.#options.abort.throwIfAborted();
    }
  }
}

function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}
