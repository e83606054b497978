import type { Logger } from '../lib/logger.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { addPoll, decide, type ScalerSettings, startWindow } from './scaler.ts';

export interface QueuePoolOptions extends Omit<QueueOptions, 'onPoll'> {
  settings: QueueOptions['settings'] & ScalerSettings;
}

const decisionIntervalMs = 1000;

/** The runner's queues: as many as the scaler wants, and a new one for each that the server has deleted. */
export class QueuePool {
  readonly #options: QueuePoolOptions;
  readonly #logger: Logger;
  /** Oldest first. */
  readonly #queues = new Set<Queue>();
  readonly #timer: NodeJS.Timeout;
  #window = startWindow(performance.now());
  #draining = false;

  constructor(options: QueuePoolOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#add();
    this.#timer = setInterval(() => this.#scale(), decisionIntervalMs);
  }

  get queues(): readonly Queue[] {
    return [...this.#queues];
  }

  /** Messages that are being answered. */
  get inFlight(): number {
    return this.queues.reduce((sum, queue) => sum + queue.inFlight, 0);
  }

  /** Ends every queue's pause after a failure. */
  retryNow(): void {
    for (const queue of this.#queues) queue.retryNow();
  }

  /** Gives up the polls in flight, whose connections are known to be dead. */
  abandonPolls(reason: Error): void {
    for (const queue of this.#queues) queue.abandonPoll(reason);
  }

  /** Drains every queue at once. Resolves when all are gone. */
  async drain(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timer);
    const queues = this.queues;
    for (const queue of queues) queue.drain();
    await Promise.all(queues.map((queue) => queue.ended));
  }

  #add(): void {
    const queue: Queue = new Queue({
      ...this.#options,
      onPoll: (messages) => {
        this.#window = addPoll(this.#window, messages);
      },
    });
    this.#queues.add(queue);
    void queue.ended.then(
      (outcome) => this.#onEnd(queue, outcome),
      (error: unknown) => {
        this.#logger.error('a queue failed and is replaced', { queueID: queue.id, error });
        this.#onEnd(queue, 'lost');
      },
    );
  }

  #onEnd(queue: Queue, outcome: Awaited<Queue['ended']>): void {
    this.#queues.delete(queue);
    if (outcome !== 'lost' || queue.isLeaving || this.#draining) return;
    this.#logger.warn('the server has deleted a queue; a new one takes its place', { queueID: queue.id });
    this.#add();
  }

  #scale(): void {
    // No decision while an earlier one, or a replacement, is still in progress.
    if (this.queues.some((queue) => queue.phase !== 'polling')) return;
    const { verdict, window } = decide(this.#window, performance.now(), this.#queues.size, this.#options.settings);
    this.#window = window;
    if (verdict.action === 'up') {
      this.#logger.info('load is high: more queues', { queues: this.#queues.size + verdict.count });
      for (let i = 0; i < verdict.count; i += 1) this.#add();
    } else if (verdict.action === 'down') {
      this.#logger.info('load is low: fewer queues', { queues: this.#queues.size - 1 });
      this.queues.at(-1)?.drain();
    }
  }
}
