import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { Queue, type QueueOptions } from './queue.ts';
import type { QueueMemory } from './queue-memory.ts';
import { addPoll, averageUtilisation, decide, type ScalerSettings, startWindow } from './scaler.ts';

export interface QueuePoolOptions extends Omit<QueueOptions, 'onPoll' | 'onLost' | 'registerAfterMs'> {
  settings: QueueOptions['settings'] & ScalerSettings;
  memory: QueueMemory;
}

const decisionIntervalMs = 1000;
// For a server that takes queues and then does not know them.
const replacementBackoff = { minMs: 100, maxMs: 60_000 };

/** The runner's queues: as many as the scaler wants, and a new one for each that the server has deleted. */
export class QueuePool {
  readonly #options: QueuePoolOptions;
  readonly #logger: Logger;
  readonly #replacementBackoff = new Backoff(replacementBackoff);
  /** Oldest first, with those that the server has deleted and that still wait for their answers. */
  readonly #queues = new Set<Queue>();
  readonly #timer: NodeJS.Timeout;
  #window = startWindow(performance.now());
  /** Of the window before, for as long as this one has measured nothing. */
  #lastUtilisation: number | undefined;
  #draining = false;

  constructor(options: QueuePoolOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#add();
    this.#timer = setInterval(() => this.#scale(), decisionIntervalMs);
  }

  /** Those that the server may know. */
  get queues(): readonly Queue[] {
    return [...this.#queues].filter((queue) => queue.phase !== 'gone');
  }

  /** Messages that are being answered. */
  get inFlight(): number {
    return [...this.#queues].reduce((sum, queue) => sum + queue.inFlight, 0);
  }

  /** Since when none of the queues' calls has got through, of `performance.now()`; undefined when one does. */
  get outageSince(): number | undefined {
    const since = this.queues.map(({ pace }) => pace.outageSince);
    const known = since.filter((time) => time !== undefined);
    return known.length > 0 && known.length === since.length ? Math.max(...known) : undefined;
  }

  /** What the scaler goes by, from 0 to 1; undefined when nothing is known yet. */
  get utilisation(): number | undefined {
    return averageUtilisation(this.#window) ?? this.#lastUtilisation;
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
    const queues = [...this.#queues];
    for (const queue of queues) queue.drain();
    await Promise.all(queues.map((queue) => queue.ended));
  }

  #add(registerAfterMs = 0): void {
    const queue: Queue = new Queue({
      ...this.#options,
      registerAfterMs,
      onPoll: (messages) => {
        // The last polls of a queue that gets no more work say nothing about the load.
        if (!queue.isLeaving) this.#window = addPoll(this.#window, messages);
      },
      onLost: () => this.#replace(queue),
    });
    this.#queues.add(queue);
    const { memory } = this.#options;
    memory.remember(queue.id);
    void queue.ended
      .then((outcome) => {
        // One that was cut short may still be there for the server.
        if (outcome !== 'stopped') memory.forget(queue.id);
      })
      .catch((error: unknown) => {
        this.#logger.error('a queue failed', { queueID: queue.id, error });
        this.#replace(queue);
      })
      .finally(() => this.#queues.delete(queue));
  }

  #replace({ id, hasPolled, isLeaving }: Queue): void {
    if (isLeaving || this.#draining) return;
    if (hasPolled) this.#replacementBackoff.reset();
    this.#logger.warn('the server has deleted a queue; a new one takes its place', { queueID: id });
    this.#add(hasPolled ? 0 : this.#replacementBackoff.next());
  }

  #scale(): void {
    // No decision while an earlier one, or a replacement, is still in progress.
    const { queues } = this;
    if (queues.some((queue) => queue.phase !== 'polling')) return;
    const { verdict, window } = decide(this.#window, performance.now(), queues.length, this.#options.settings);
    this.#lastUtilisation = this.utilisation;
    this.#window = window;
    if (verdict.action === 'up') {
      this.#logger.info('load is high: more queues', { queues: queues.length + verdict.count });
      for (let i = 0; i < verdict.count; i += 1) this.#add();
    } else if (verdict.action === 'down') {
      this.#logger.info('load is low: fewer queues', { queues: queues.length - 1 });
      queues.at(-1)?.drain();
    }
  }
}
