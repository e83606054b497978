/** Finds the events of a feed that came after its checkpoint. GitHub returns the newest first. */
import type { FeedEvent } from './feed-event.ts';

/** GitHub keeps that many. */
export const maxEvents = 300;
export const pageSize = 100;

export interface NewEvents {
  /** The newest first. */
  events: FeedEvent[];
  /** Whether the event of the checkpoint was reached. */
  isMet: boolean;
}

export const noEvents: NewEvents = { events: [], isMet: false };

/** Adds a page to those before it. Events that appeared between two requests move others to the next page. */
export function addPage({ events, isMet }: NewEvents, page: readonly FeedEvent[], lastEventId: string): NewEvents {
  if (isMet) return { events, isMet };
  const end = page.findIndex(({ id }) => id === lastEventId);
  const known = new Set(events.map(({ id }) => id));
  const added = (end === -1 ? page : page.slice(0, end)).filter(({ id }) => !known.has(id));
  return { events: [...events, ...added].slice(0, maxEvents), isMet: end !== -1 };
}

/** Whether the next page has to be read. */
export function needsMore({ events, isMet }: NewEvents, lastPageLength: number): boolean {
  return !isMet && lastPageLength >= pageSize && events.length < maxEvents;
}

/**
 * Returns the events to handle, the oldest first. If the event of the checkpoint has vanished, the events before it are
 * left out by their time.
 */
export function toHandle({ events, isMet }: NewEvents, lastEventAt: string | undefined): FeedEvent[] {
  const since = isMet ? Number.NaN : Date.parse(lastEventAt ?? '');
  const isBefore = ({ createdAt }: FeedEvent) => Date.parse(createdAt) < since;
  return events.filter((event) => !isBefore(event)).toReversed();
}
