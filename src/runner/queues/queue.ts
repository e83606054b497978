import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plan42Client, QueuePath } from '../plan42/client.ts';
import { generateKeyPair, publicKeyPem } from '../plan42/ecies.ts';
import { ApiError, isAuthError } from '../plan42/errors.ts';
import { OutagePace } from './outage-pace.ts';
import { nextPhase, type QueueEvent, type QueuePhase } from './queue-phase.ts';
import { deleteQueue, markDraining } from './queue-removal.ts';
import type { Readiness } from './readiness.ts';
import { RecentMean } from './recent-mean.ts';
import { RetryDelay } from './retry.ts';
import { pollUtilisation } from './scaler.ts';

export interface QueueOptions {
  client: Plan42Client;
  tenantId: string;
  runnerId: string;
  settings: Config['queues'];
  readiness: Readiness;
  logger: Logger;
  /** Answers one message; never rejects. */
  onMessage: (raw: unknown, queue: Queue) => Promise<void>;
  /** After each poll that succeeded. */
  onPoll: (messages: number) => void;
  /** The server has deleted the queue, which still waits for its answers. */
  onLost: () => void;
  /** How long to wait before the registration. */
  registerAfterMs: number;
  /** Cuts a drain short: what has been received is still answered. */
  hurry: AbortSignal;
  /** Ends everything at once, calls in flight included. */
  stop: AbortSignal;
}

const managementBackoff = { minMs: 10, maxMs: 5000 };
const errorBackoff = { minMs: 100, maxMs: 60_000 };
// How far back a queue's utilisation looks.
const loadTimeMs = 60_000;
const emptyBackoff = { minMs: 1, maxMs: 50 };
// A proxy's 404 is not the server's word that the queue is gone, unless it goes on for so long that the server, too, has
// given the queue up.
const maxForeignNotFoundMs = 60_000;

/** One queue of the runner, with a key pair of its own, from its registration to its end. */
export class Queue {
  readonly path: QueuePath;
  /** For all calls that concern this queue. */
  readonly pace = new OutagePace();
  readonly #keys = generateKeyPair();
  readonly #options: QueueOptions;
  readonly #drain = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #logger: Logger;
  #phase: QueuePhase = 'registering';
  /** Ends a pause. */
  #wake = new AbortController();
  /** Ends the poll in flight. */
  #poll = new AbortController();
  /** Of `performance.now()`: how long a draining queue is polled at least. */
  #drainUntil = Number.POSITIVE_INFINITY;
  readonly #load = new RecentMean(loadTimeMs);
  /** Resolves when the queue is gone: `lost` when the server had deleted it, `stopped` when it was cut short. */
  readonly ended: Promise<'drained' | 'lost' | 'stopped'>;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.path = { tenantId: options.tenantId, runnerId: options.runnerId, queueId: randomUUID() };
    this.#logger = options.logger.with({ queueID: this.path.queueId });
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

  /** Whether a poll ever succeeded. */
  get hasPolled(): boolean {
    return this.#load.value !== undefined;
  }

  /** Of its polls in about the last minute, from 0 to 1; undefined before the first. */
  get utilisation(): number | undefined {
    return this.#load.value;
  }

  get isLeaving(): boolean {
    return this.#drain.signal.aborted;
  }

  /** Messages that are being answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Takes no new work, finishes what there is, and deletes the queue on the server. */
  drain(): void {
    if (this.isLeaving) return;
    this.#drain.abort();
    this.retryNow();
    if (this.#phase === 'polling') this.#startDraining();
  }

  /** Ends a pause after a failure: there is reason to hope. */
  retryNow(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** Gives up the poll in flight, whose connection is known to be dead, and polls again. */
  abandonPoll(reason: Error): void {
    this.#poll.abort(reason);
    this.retryNow();
  }

  async #run(): Promise<'drained' | 'lost' | 'stopped'> {
    const { client, stop, hurry, readiness } = this.#options;
    const cutShort = () => {
      this.#poll.abort();
      this.retryNow();
    };
    for (const signal of [stop, hurry]) signal.addEventListener('abort', cutShort, { once: true });
    try {
      await this.#register();
      if (this.#phase === 'gone') return 'drained';
      const outcome = await this.#pollUntilDrained();
      if (outcome !== 'drained') this.#lose();
      while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
      if (outcome === 'lost') return outcome;
      if (outcome === 'refused') {
        this.#logger.warn('the token is refused, so that a queue stays on the server; the next start deletes it');
        return 'stopped';
      }
      await deleteQueue(this.path, client, { logger: this.#logger, pace: this.pace, stop });
      this.#enter('drained');
      return outcome;
    } catch (error) {
      if (stop.aborted) return 'stopped';
      throw error;
    } finally {
      for (const signal of [stop, hurry]) signal.removeEventListener('abort', cutShort);
      readiness.forget(this.id);
    }
  }

  #enter(event: QueueEvent): void {
    this.#phase = nextPhase(this.#phase, event);
    this.#logger.debug('the queue changes', { event, phase: this.#phase });
  }

  /** Nobody waits for its last answers before there is another queue. */
  #lose(): void {
    this.#enter('lost');
    this.#options.readiness.forget(this.id);
    this.#options.onLost();
  }

  async #register(): Promise<void> {
    const { client, stop, readiness, registerAfterMs } = this.#options;
    const delay = new RetryDelay(managementBackoff, readiness, this.id);
    const publicKey = publicKeyPem(this.#keys.publicKey);
    if (registerAfterMs > 0) await this.#pause(registerAfterMs, this.#wake.signal);
    while (this.#phase === 'registering') {
      if (this.#drain.signal.aborted) {
        this.#enter('drain');
        return;
      }
      const wake = this.#wake.signal;
      try {
        await this.pace.call(() => client.registerQueue(this.path, publicKey, { signal: stop }), stop);
        this.#enter('registered');
      } catch (error) {
        stop.throwIfAborted();
        // It exists: an earlier attempt got through, or the first poll will tell otherwise.
        if (error instanceof ApiError && error.status === 409) this.#enter('registered');
        else await this.#pause(delay.failed(error), wake);
      }
    }
    delay.succeeded();
    this.#logger.info('a queue is registered');
    // Asked while the last registration was under way.
    if (this.isLeaving) this.#startDraining();
  }

  async #pollUntilDrained(): Promise<'drained' | 'lost' | 'refused'> {
    const { settings, stop, hurry, readiness } = this.#options;
    const delay = new RetryDelay(errorBackoff, readiness, this.id);
    const afterEmpty = new Backoff(emptyBackoff);
    let foreignNotFoundSince = Number.POSITIVE_INFINITY;
    for (;;) {
      if (hurry.aborted) return 'drained';
      const wake = this.#wake.signal;
      const remainingMs = this.#drainUntil - performance.now();
      try {
        // After a failure without waiting, so that it is known at once when all is well again.
        const waitMs = delay.isFailing ? 0 : Math.max(0, Math.min(settings.pollWaitMs, remainingMs));
        const count = await this.#takeMessages(waitMs);
        delay.succeeded();
        foreignNotFoundSince = Number.POSITIVE_INFINITY;
        if (count > 0) afterEmpty.reset();
        else if (remainingMs <= 0) return 'drained';
        else await this.#pause(afterEmpty.next(), wake);
      } catch (error) {
        stop.throwIfAborted();
        if (isNotFound(error)) {
          const now = performance.now();
          foreignNotFoundSince = Math.min(foreignNotFoundSince, now);
          if (error.isFromApi || now - foreignNotFoundSince >= maxForeignNotFoundMs) return 'lost';
        }
        // Whoever refuses the token will not take a goodbye either.
        if (this.isLeaving && isAuthError(error)) return 'refused';
        if (!hurry.aborted) await this.#pause(delay.failed(error), wake);
      }
    }
  }

  async #takeMessages(waitMs: number): Promise<number> {
    this.#poll = new AbortController();
    const { client, onPoll } = this.#options;
    const { signal } = this.#poll;
    const messages = await this.pace.call(() => client.getMessages(this.path, waitMs, { signal }), signal);
    this.#load.add(pollUtilisation(messages.length), performance.now());
    onPoll(messages.length);
    for (const message of messages) this.#handle(message);
    return messages.length;
  }

  /** The poll in flight goes on: what it brings would be lost otherwise. */
  #startDraining(): void {
    const { client, settings, stop } = this.#options;
    this.#enter('drain');
    void markDraining(this.path, client, { logger: this.#logger, pace: this.pace, stop }).then(() => {
      this.#drainUntil = performance.now() + settings.drainTimeMs;
    });
  }

  #handle(message: unknown): void {
    const work = this.#options.onMessage(message, this).finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  /** `wake` is from before the call that the pause is for: what there was to hope for meanwhile counts too. */
  async #pause(ms: number, wake: AbortSignal): Promise<void> {
    try {
      await sleep(ms, wake);
    } catch {
      this.#options.stop.throwIfAborted();
    }
  }
}

function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}
