import { availableParallelism } from 'node:os';
import { Backoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { Queue, type QueueOptions } from './queue.ts';
import type { QueueRegistry } from './queue-registry.ts';
import { addPoll, averageUtilisation, decide, type ScalerSettings, type ScalerWindow, startWindow } from './scaler.ts';

export interface QueuePoolOptions extends Omit<QueueOptions, 'onPoll' | 'onLost' | 'registerAfterMs'> {
  settings: QueueOptions['settings'] & ScalerSettings;
  registry: QueueRegistry;
}

const decisionIntervalMs = 1000;
const maxReportFailures = 5;
const reportRetryMs = 1000;
// For a server that accepts registrations but does not keep the queues.
const replacementBackoff = { minMs: 100, maxMs: 60_000 };

// With fewer, handing them to other threads takes longer than handling them.
const maxMessagesOfThread = 4;
const hasOtherCores = availableParallelism() > 1;

/** The runner's queues: as many as the scaler wants, with a replacement for each queue that the server deletes. */
export class QueuePool {
  readonly #options: QueuePoolOptions;
  readonly #logger: Logger;
  readonly #replacementBackoff = new Backoff(replacementBackoff);
  /** Oldest first, including queues that are gone but still have messages in flight. */
  readonly #queues = new Set<Queue>();
  readonly #clock: Clock;
  /** Aborted to stop scaling. */
  readonly #drain = new AbortController();
  #isReportDue = false;
  #isReporting = false;
  #window: ScalerWindow;
  /** Utilisation of the previous window, used until this one has measurements. */
  #lastUtilisation: number | undefined;

  constructor(options: QueuePoolOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
    this.#window = startWindow(this.#clock.now());
    this.#add();
    void this.#keepScaling();
  }

  /** Queues that may exist on the server. */
  get queues(): readonly Queue[] {
    return [...this.#queues].filter((queue) => queue.phase !== 'gone');
  }

  /** Number of messages being handled. */
  get inFlight(): number {
    return [...this.#queues].reduce((sum, queue) => sum + queue.inFlight, 0);
  }

  /** Whether messages wait for this thread, and others can help. */
  get isBusy(): boolean {
    return hasOtherCores && this.inFlight > maxMessagesOfThread;
  }

  /** Time since which the calls of all queues fail; undefined if any queue is working. */
  get outageSince(): number | undefined {
    const since = this.queues.map(({ limiter }) => limiter.outageSince);
    const known = since.filter((time) => time !== undefined);
    return known.length > 0 && known.length === since.length ? Math.max(...known) : undefined;
  }

  /** The scaler's input, from 0 to 1; undefined before the first poll. */
  get utilisation(): number | undefined {
    return averageUtilisation(this.#window) ?? this.#lastUtilisation;
  }

  /** Ends every queue's pause after a failure. */
  retryNow(): void {
    for (const queue of this.#queues) queue.retryNow();
  }

  /** Aborts the polls in flight, whose connections are known to be dead. */
  abandonPolls(reason: Error): void {
    for (const queue of this.#queues) queue.abandonPoll(reason);
  }

  /** Reports the free slots at once, if the server reads them. */
  reportSlots(): void {
    this.#isReportDue = true;
    if (!this.#isReporting) void this.#report();
  }

  /** Never rejects. A failed report is repeated a few times; then the next poll makes up for it. */
  async #report(): Promise<void> {
    const { abort } = this.#options;
    this.#isReporting = true;
    for (let failures = 0; this.#isReportDue && failures < maxReportFailures && !abort.aborted; ) {
      this.#isReportDue = false;
      if (await this.#reportOnce()) continue;
      failures += 1;
      this.#isReportDue = true;
      await this.#clock.sleep(reportRetryMs, abort).catch(() => {});
    }
    // In the same step as the last check, so that no request is missed.
    this.#isReporting = false;
  }

  /** Returns whether there is nothing left to report. */
  async #reportOnce(): Promise<boolean> {
    const queue = this.queues.find(({ phase }) => phase === 'polling');
    if (queue === undefined || !this.#options.features.has('FreeSlots')) return true;
    try {
      await queue.reportSlots();
      return true;
    } catch (error) {
      this.#logger.debug('cannot report free slots', { queue_id: queue.id, error });
      return false;
    }
  }

  /** Drains every queue at once. Resolves when all are gone. */
  async drain(): Promise<void> {
    this.#drain.abort();
    const queues = [...this.#queues];
    for (const queue of queues) queue.drain();
    await Promise.all(queues.map((queue) => queue.ended));
  }

  #add(registerAfterMs = 0): void {
    const queue: Queue = new Queue({
      ...this.#options,
      registerAfterMs,
      onPoll: (messages) => {
        // The server assigns no work to a draining queue, so its polls say nothing about the load.
        if (!queue.isDraining) this.#window = addPoll(this.#window, messages);
      },
      onLost: () => this.#replace(queue),
    });
    this.#queues.add(queue);
    const { registry } = this.#options;
    registry.add(queue.id);
    void queue.ended
      .then((outcome) => {
        // An aborted queue may still exist on the server.
        if (outcome !== 'aborted') registry.remove(queue.id);
      })
      .catch((error: unknown) => {
        this.#logger.error('queue failed', { queue_id: queue.id, error });
        this.#replace(queue);
      })
      .finally(() => this.#queues.delete(queue));
  }

  #replace({ id, hasPolled, isDraining }: Queue): void {
    if (isDraining || this.#drain.signal.aborted) return;
    if (hasPolled) this.#replacementBackoff.reset();
    this.#logger.warn('queue deleted by server, replacing it', { queue_id: id });
    this.#add(hasPolled ? 0 : this.#replacementBackoff.next());
  }

  async #keepScaling(): Promise<void> {
    const { signal } = this.#drain;
    while (!signal.aborted) {
      await this.#clock.sleep(decisionIntervalMs, signal).catch(() => {});
      if (!signal.aborted) this.#scale();
    }
  }

  #scale(): void {
    // No decision while a previous one or a replacement is still in progress.
    const { queues } = this;
    if (queues.some((queue) => queue.phase !== 'polling')) return;
    const { verdict, window } = decide(this.#window, this.#clock.now(), queues.length, this.#options.settings);
    this.#lastUtilisation = this.utilisation;
    this.#window = window;
    if (verdict.action === 'up') {
      this.#logger.info('adding queues', { count: verdict.count, queues: queues.length + verdict.count });
      for (let i = 0; i < verdict.count; i += 1) this.#add();
    } else if (verdict.action === 'down') {
      this.#logger.info('removing queue', { queues: queues.length - 1 });
      queues.at(-1)?.drain();
    }
  }
}
