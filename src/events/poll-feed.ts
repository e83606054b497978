import * as v from 'valibot';
import type { Caller } from '../github/caller.ts';
import type { GithubClient } from '../github/client.ts';
import type { ResponseHeaders } from '../github/rate-limit.ts';
import type { Checkpoint } from './checkpoint-file.ts';
import { type FeedEvent, readFeedEvent } from './core/feed-event.ts';
import { addPage, needsMore, noEvents, pageSize, toHandle } from './core/new-events.ts';

export interface FeedAddress {
  login: string;
  org: string;
}

/** The result of one poll. */
export interface Poll {
  /** Where to go on. */
  next: Pick<Checkpoint, 'last_event_id' | 'etag' | 'poll_interval_seconds' | 'last_event_at'>;
  /** New events, the oldest first. */
  events: FeedEvent[];
  isModified: boolean;
}

const defaultIntervalSeconds = 60;
const Page = v.array(v.unknown());
const path = '/users/{login}/events/orgs/{org}';

/**
 * Reads what is new in a feed. Without a checkpoint nothing is new: reading starts at the newest event.
 * @throws GithubError if any page cannot be read; RetiredClient; the reason of the caller's signal
 */
export async function pollFeed(
  client: GithubClient,
  address: FeedAddress,
  { checkpoint, trigger }: { checkpoint: Checkpoint | undefined; trigger: string },
  caller: Caller,
): Promise<Poll> {
  const parameters = { ...address, per_page: pageSize };
  const etag = checkpoint?.etag ?? undefined;
  const first = await client.getIfChanged(path, { ...parameters, page: 1 }, etag, Page, caller);
  const interval = { poll_interval_seconds: intervalOf(first.headers) };
  if (first.data === undefined) {
    const known = checkpoint ?? { last_event_id: '' };
    return { next: { ...known, ...interval }, events: [], isModified: false };
  }
  const read = (page: readonly unknown[]) => page.flatMap((event) => readFeedEvent(event, trigger) ?? []);
  const page = read(first.data);
  const newest = page[0];
  const next = {
    last_event_id: newest?.id ?? checkpoint?.last_event_id ?? '',
    last_event_at: newest?.createdAt || (checkpoint?.last_event_at ?? dateOf(first.headers)),
    etag: textOf(first.headers['etag']),
    ...interval,
  };
  if (checkpoint === undefined) return { next, events: [], isModified: true };
  const { last_event_id: lastId } = checkpoint;
  let found = addPage(noEvents, page, lastId);
  for (let number = 2, length = first.data.length; needsMore(found, length); number += 1) {
    const { data } = await client.get(path, { ...parameters, page: number }, Page, caller);
    found = addPage(found, read(data), lastId);
    length = data.length;
  }
  return { next, events: toHandle(found, checkpoint.last_event_at), isModified: true };
}

function intervalOf(headers: ResponseHeaders): number {
  const seconds = Number(headers['x-poll-interval']);
  return seconds > 0 && seconds <= 86_400 ? seconds : defaultIntervalSeconds;
}

// By the clock of GitHub, because the events have its times.
function dateOf(headers: ResponseHeaders): string | undefined {
  const time = Date.parse(textOf(headers['date']) ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function textOf(header: string | number | undefined): string | undefined {
  return header === undefined ? undefined : String(header);
}
