import { withCaller } from '../github/caller.ts';
import type { GithubConnections } from '../github/connections.ts';
import { GithubError, loggable } from '../github/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { formatError, isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint-file.ts';
import type { FeedEvent, WantedEvent } from './core/feed-event.ts';
import { maxEvents } from './core/new-events.ts';
import { feedKey, type WantedFeed } from './core/wanted-feeds.ts';
import type { Metrics } from './metrics.ts';
import { type Poll, pollFeed } from './poll-feed.ts';

/** A feed whose user is known. */
export type OwnFeed = WantedFeed & { login: string };

export interface FeedDeps {
  github: GithubConnections;
  checkpoints: CheckpointFile;
  trigger: string;
  /** Waits until so many events can be added. Rejects with the signal's reason. */
  room: (count: number, signal: AbortSignal) => Promise<void>;
  /** Handles events that the checkpoint has as pending. */
  add: (feed: OwnFeed, events: readonly WantedEvent[]) => void;
  /** Whether another feed of the same GitHub has this event. */
  isKnown: (feed: OwnFeed, eventId: string) => boolean;
  metrics: Metrics;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const maxFirstPauseMs = 10_000;
const pollTimeoutMs = 120_000;
const nothing: Partial<Checkpoint> = {};
// More than a feed of GitHub has.
const maxHandled = maxEvents + 100;

/** Polls the events of one organisation until it is stopped. */
export class Feed implements AsyncDisposable {
  readonly wanted: OwnFeed;
  readonly #deps: FeedDeps;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  /** Undefined before the first poll. */
  lastPoll: Date | undefined;
  /** Why the last poll failed. */
  error: string | undefined;

  constructor(wanted: OwnFeed, deps: FeedDeps) {
    this.wanted = wanted;
    this.#deps = deps;
    this.#work = this.#run(this.#stop.signal).catch((error: unknown) => {
      if (!isAbort(error, this.#stop.signal)) deps.logger.error('GitHub feed stopped', { ...this.#fields, error });
    });
  }

  get key(): string {
    return feedKey(this.wanted);
  }

  get #fields() {
    const { connectionId, org } = this.wanted;
    return { connection_id: connectionId, org };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    await clock.sleep(random() * maxFirstPauseMs, signal);
    for (;;) await clock.sleep(await this.#poll(signal), signal);
  }

  /** Returns the pause until the next poll. */
  async #poll(signal: AbortSignal): Promise<number> {
    const { github, checkpoints, trigger, metrics, clock, logger } = this.#deps;
    const { connectionId, login, org } = this.wanted;
    const checkpoint = checkpoints.get(this.key);
    const pauseMs = (checkpoint?.poll_interval_seconds || 60) * 1000;
    metrics.polls += 1;
    try {
      const poll = await withCaller(pollTimeoutMs, signal, (caller) =>
        github.withClient(connectionId, (client) => pollFeed(client, { login, org }, { checkpoint, trigger }, caller)),
      );
      await this.#commit(checkpoint, poll, signal);
      if (this.error !== undefined) logger.info('GitHub feed works again', this.#fields);
      this.error = undefined;
      return (poll.next.poll_interval_seconds ?? 60) * 1000;
    } catch (error) {
      signal.throwIfAborted();
      metrics.failed_polls += 1;
      const failure = { ...this.#fields, error: loggable(error) };
      if (this.error === undefined) logger.warn('cannot read GitHub feed, retrying', failure);
      else logger.debug('cannot read GitHub feed, retrying', failure);
      this.error = formatError(error);
      const retryAt = error instanceof GithubError ? error.retryAt : undefined;
      return Math.max(pauseMs, (retryAt?.getTime() ?? 0) - clock.date().getTime());
    } finally {
      if (!signal.aborted) this.lastPoll = clock.date();
    }
  }

  async #commit(
    before: Checkpoint | undefined,
    { next, events, isModified }: Poll,
    signal: AbortSignal,
  ): Promise<void> {
    const { checkpoints, metrics, logger, room, add, isKnown } = this.#deps;
    if (!isModified) metrics.not_modified += 1;
    metrics.events += events.length;
    for (const { id } of events.filter((event) => event.isUnreadable))
      logger.warn('GitHub event unreadable, skipping', { ...this.#fields, event_id: id });
    const isNew = ({ id }: WantedEvent) => !before?.handled.includes(id) && !isKnown(this.wanted, id);
    const wanted = events.flatMap((event: FeedEvent) => event.wanted ?? []).filter(isNew);
    await room(wanted.length, signal);
    // Read again, because events were handled meanwhile.
    const { handled = [], pending = [], poll_interval_seconds: seconds } = checkpoints.get(this.key) ?? nothing;
    if (before !== undefined && !isModified && seconds === next.poll_interval_seconds) return;
    checkpoints.set(this.key, {
      ...next,
      handled: [...handled, ...wanted.map(({ id }) => id)].slice(-maxHandled),
      pending: [...pending, ...wanted],
    });
    add(this.wanted, wanted);
    logger.debug('GitHub feed read', { ...this.#fields, events: events.length, wanted: wanted.length });
    // The next run reads again if this cannot be saved.
    await checkpoints.save().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }
}
