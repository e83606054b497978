/** Composes the events of GitHub: finds the feeds, polls them, handles their events, and stops in order. */
import { join } from 'node:path';
import type { GithubConnections } from '../github/connections.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { ApiError } from '../plan42/errors.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import type { WantedEvent } from './core/feed-event.ts';
import { FeedDiscovery } from './discovery.ts';
import { EventQueue, type QueuedEvent } from './event-queue.ts';
import type { OwnFeed } from './feed.ts';
import { FeedSet, type FeedStatus } from './feed-set.ts';
import { handleEvent } from './handle-event.ts';
import { newMetrics } from './metrics.ts';

export interface GithubEventsOptions {
  /** The word of a comment that asks for a turn. */
  trigger: string;
  github: GithubConnections;
  client: Plan42Client;
  tenantId: string;
  runnerId: string;
  stateDir: string;
  /** The home folder, where the Go runner has its checkpoints. */
  home: string;
  logger: Logger;
  clock?: Clock;
  random?: () => number;
}

export interface GithubEvents extends AsyncDisposable {
  /** Finds the feeds again, because the connections have changed. */
  refresh: () => void;
  /**
   * Stops reading, then handles what was read, until the signal aborts. What remains is handled by the next run.
   */
  drain: (signal: AbortSignal) => Promise<void>;
  status: () => EventsStatus;
}

export interface EventsStatus {
  feeds: FeedStatus[];
  /** The number of events that wait to be handled. */
  pending: number;
}

const summaryEveryMs = 3_600_000;

export async function startGithubEvents(options: GithubEventsOptions): Promise<GithubEvents> {
  const { github, client, tenantId, logger, clock = systemClock, random = Math.random } = options;
  const importFrom = join(options.home, '.config/plan42-runner.checkpoint.json');
  const checkpoints = await CheckpointFile.open(options.stateDir, importFrom, logger);
  const metrics = newMetrics();
  const handler = { github, endpoint: () => client.endpoint, tenantId, metrics, logger };

  const queue = new EventQueue({
    handle: (item, signal) => handleEvent(item, handler, signal),
    onDone: async ({ feedKey, event }) => {
      checkpoints.change(feedKey, ({ pending, ...others }) => ({
        ...others,
        pending: pending.filter(({ id }) => id !== event.id),
      }));
      // Handled again by the next run if this fails, which repeats nothing.
      await checkpoints.save().catch(() => {});
    },
    isTokenRejected: (signal) => isTokenRejected(client, tenantId, signal),
    ...{ metrics, clock, logger },
  });

  const toQueued = (feed: OwnFeed, key: string, event: WantedEvent, removed: AbortSignal): QueuedEvent => {
    const host = github.find(feed.connectionId)?.url.host ?? '';
    const item: QueuedEvent = {
      ...{ event, connectionId: feed.connectionId, feedKey: key, signal: removed },
      pullRequestKey: `${host}/${event.repo}#${event.number}`.toLowerCase(),
      saveTurn: async (turn) => {
        item.event = { ...item.event, turn };
        checkpoints.change(key, ({ pending, ...others }) => ({
          ...others,
          pending: pending.map((other) => (other.id === event.id ? item.event : other)),
        }));
        await checkpoints.save();
      },
    };
    return item;
  };

  const feeds = new FeedSet({
    ...{ github, checkpoints, trigger: options.trigger, metrics, clock, random, logger },
    room: (count, signal) => queue.room(count, signal),
    add: (feed, key, events, removed) => {
      for (const event of events) queue.add(toQueued(feed, key, event, removed));
    },
  });
  const discovery = new FeedDiscovery({ ...options, feeds, clock, random });

  const summarise = () => {
    if (metrics.polls === 0) return;
    logger.info('GitHub events summary', { feeds: feeds.size, ...metrics, pending: queue.size });
  };
  const stop = new AbortController();
  const summaries = (async () => {
    for (;;) {
      await clock.sleep(summaryEveryMs, stop.signal);
      summarise();
    }
  })().catch((error: unknown) => {
    if (!isAbort(error, stop.signal)) throw error;
  });

  let drained: Promise<void> | undefined;
  const drain = async (signal: AbortSignal) => {
    await discovery[Symbol.asyncDispose]();
    await feeds[Symbol.asyncDispose]();
    await queue.drain(signal);
    stop.abort();
    await summaries;
    await checkpoints.save().catch(() => {});
    summarise();
  };
  const drainOnce = (signal: AbortSignal) => {
    drained ??= drain(signal);
    return drained;
  };
  return {
    refresh: () => discovery.refresh(),
    drain: drainOnce,
    status: () => ({ feeds: feeds.status, pending: queue.size }),
    [Symbol.asyncDispose]: () => drainOnce(AbortSignal.abort()),
  };
}

/** Whether the server rejects the token even for a call that every runner may make. */
async function isTokenRejected(client: Plan42Client, tenantId: string, signal: AbortSignal): Promise<boolean> {
  try {
    await client.getTenant(tenantId, { signal });
    return false;
  } catch (error) {
    // An outage says nothing about the call.
    return !(error instanceof ApiError) || error.status !== 403;
  }
}
