import type { WantedEvent } from './core/feed-event.ts';
import { feedKey } from './core/wanted-feeds.ts';
import { Feed, type FeedDeps, type OwnFeed } from './feed.ts';

export interface FeedSetDeps extends Omit<FeedDeps, 'add' | 'isKnown'> {
  /** Handles events. `removed` aborts when the feed is removed. */
  add: (feed: OwnFeed, key: string, events: readonly WantedEvent[], removed: AbortSignal) => void;
}

export interface FeedStatus {
  connectionId: string;
  org: string;
  /** Undefined before the first poll. */
  lastPoll: Date | undefined;
  /** Why the last poll failed. */
  error: string | undefined;
}

interface Entry {
  feed: Feed;
  /** Identifies the GitHub: events of several feeds of one GitHub can be the same. */
  url: string;
  /** A feed with another user, address or token is started again. */
  fingerprint: string;
  removed: AbortController;
}

/** The feeds that are polled, with their checkpoints. */
export class FeedSet implements AsyncDisposable {
  readonly #deps: FeedSetDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: FeedSetDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#entries.size;
  }

  get status(): FeedStatus[] {
    return [...this.#entries.values()].map(({ feed: { wanted, lastPoll, error } }) => {
      return { connectionId: wanted.connectionId, org: wanted.org, lastPoll, error };
    });
  }

  /**
   * Starts and stops feeds. A feed that is stopped here loses its checkpoint, so it starts at its newest event if it is
   * wanted again.
   * @param keep IDs of connections whose feeds stay as they are, because it is not known which are wanted
   */
  async replace(wanted: readonly OwnFeed[], keep: ReadonlySet<string>): Promise<void> {
    const keys = new Set(wanted.map(feedKey));
    for (const feed of wanted) await this.#start(feed);
    const isKept = (key: string) => keys.has(key) || [...keep].some((id) => key.startsWith(`${id.toLowerCase()}:`));
    const unwanted = new Set([...this.#entries.keys(), ...this.#deps.checkpoints.keys].filter((key) => !isKept(key)));
    for (const key of unwanted) await this.#remove(key);
    if (unwanted.size > 0) await this.#deps.checkpoints.save().catch(() => {});
  }

  async #start(wanted: OwnFeed): Promise<void> {
    const { github, checkpoints, add, logger } = this.#deps;
    const key = feedKey(wanted);
    const known = this.#entries.get(key);
    const { url, token } = github.find(wanted.connectionId) ?? {};
    const fingerprint = [url?.href, token, wanted.login].join(' ');
    if (known?.fingerprint === fingerprint) return;
    const removed = known?.removed ?? new AbortController();
    await known?.feed[Symbol.asyncDispose]();
    const feed = new Feed(wanted, {
      ...this.#deps,
      add: (own, events) => add(own, key, events, removed.signal),
      isKnown: (_own, eventId) => this.#isKnownElsewhere(key, eventId),
    });
    this.#entries.set(key, { feed, url: url?.href ?? '', fingerprint, removed });
    const fields = { connection_id: wanted.connectionId, org: wanted.org };
    if (known !== undefined) {
      logger.info('GitHub feed restarted', fields);
      return;
    }
    const pending = checkpoints.get(key)?.pending ?? [];
    logger.info('GitHub feed started', { ...fields, pending: pending.length });
    add(wanted, key, pending, removed.signal);
  }

  async #remove(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.removed.abort();
      await entry.feed[Symbol.asyncDispose]();
      const { connectionId, org } = entry.feed.wanted;
      this.#deps.logger.info('GitHub feed removed', { connection_id: connectionId, org });
    }
    this.#entries.delete(key);
    this.#deps.checkpoints.remove(key);
  }

  /** Two connections can see the events of one organisation. */
  #isKnownElsewhere(key: string, eventId: string): boolean {
    const url = this.#entries.get(key)?.url;
    return [...this.#entries].some(
      ([other, entry]) =>
        other !== key && entry.url === url && this.#deps.checkpoints.get(other)?.handled.includes(eventId) === true,
    );
  }

  /** Stops all feeds, which keep their checkpoints. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ feed }) => feed[Symbol.asyncDispose]()));
  }
}
