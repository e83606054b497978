import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedEvent } from './feed-event.ts';
import { addPage, needsMore, noEvents, toHandle } from './new-events.ts';

const event = (id: number): FeedEvent => ({
  ...{ id: String(id), wanted: undefined, isUnreadable: false },
  createdAt: new Date(id * 1000).toISOString(),
});
/** From `first` down. */
const page = (first: number, count: number) => Array.from({ length: count }, (_, i) => event(first - i));
const ids = (events: readonly FeedEvent[]) => events.map(({ id }) => Number(id));

test('events before the checkpoint are new, the oldest first', () => {
  const found = addPage(noEvents, page(9, 5), '6');
  assert.deepEqual([ids(found.events), found.isMet], [[9, 8, 7], true]);
  assert.equal(needsMore(found, 5), false);
  assert.deepEqual(ids(toHandle(found, undefined)), [7, 8, 9]);
});

test('pages are read until the checkpoint, a short page, or 300 events', () => {
  const first = addPage(noEvents, page(900, 100), '1');
  assert.equal(needsMore(first, 100), true);
  assert.equal(needsMore(first, 99), false);
  // An event appeared between the requests, so the second page starts with the end of the first.
  const second = addPage(first, page(801, 100), '1');
  assert.equal(second.events.length, 199);
  const third = addPage(second, page(701, 100), '1');
  const fourth = addPage(third, page(601, 100), '1');
  assert.deepEqual([fourth.events.length, needsMore(fourth, 100)], [300, false]);
  assert.deepEqual(ids(fourth.events), ids(page(900, 300)));
});

test('if the event of the checkpoint has vanished, older ones are left out by their time', () => {
  const found = addPage(noEvents, page(9, 5), '4711');
  assert.deepEqual(ids(toHandle(found, event(7).createdAt)), [7, 8, 9]);
  assert.deepEqual(ids(toHandle(found, undefined)), [5, 6, 7, 8, 9]);
  // One that arrived late is new if the checkpoint is there.
  const late = addPage(noEvents, [event(9), event(2), event(7)], '7');
  assert.deepEqual(ids(toHandle(late, event(7).createdAt)), [2, 9]);
});
