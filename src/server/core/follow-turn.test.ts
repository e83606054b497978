import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import { createEvents } from './events.ts';
import { followTurn, type Growing } from './follow-turn.ts';
import { SharedReads } from './shared-reads.ts';

const turnOf = (TaskId: string) => ({ TenantId: 't', TaskId, TurnIndex: 1 });

/** A log that its followers read together, which counts the reads. */
function setUp(TaskId = 'a') {
  const events = createEvents();
  const finished = new Set<string>();
  const entries: number[] = [];
  const shared = new SharedReads<number>();
  let reads = 0;
  const turn = turnOf(TaskId);
  const growing: Growing<number> = {
    turn,
    event: 'turnChanged',
    read: (after) =>
      shared.read(turn, after, () => {
        reads += 1;
        return entries.filter((entry) => entry > after);
      }),
    positionOf: (entry) => entry,
  };
  const store = { isTurnFinished: () => finished.size > 0 };
  const follow = (after = 0) => followTurn({ store, events }, growing, { after, signal: new AbortController().signal });
  const add = (entry: number) => {
    entries.push(entry);
    events.emit('turnChanged', turn);
  };
  const finish = () => {
    finished.add(TaskId);
    events.emit('turnChanged', turn);
  };
  return { events, follow, add, finish, reads: () => reads };
}

test('those who follow a turn share what they read', async () => {
  const { follow, add, finish, reads } = setUp();
  const received: number[][][] = [];
  const followers = Array.from({ length: 10 }, async () => {
    const batches: number[][] = [];
    received.push(batches);
    for await (const batch of follow()) batches.push(batch);
  });
  await nextTick();
  const before = reads();
  add(1);
  await nextTick();
  // One read of the entry, and each sees that there are no more.
  assert.equal(reads() - before, 1 + followers.length);
  add(2);
  await nextTick();
  finish();
  await Promise.all(followers);
  for (const batches of received) {
    assert.deepEqual(batches, [[1], [2]]);
    assert.equal(batches[0], received[0]?.[0]);
  }
});

test('an entry that is added in the tick of a read is not missed', async () => {
  const { follow, add, finish } = setUp();
  const all: number[] = [];
  const following = (async () => {
    for await (const batch of follow()) {
      all.push(...batch);
      // A second follower reads at the same position, and the log grows in between.
      if (batch.includes(1)) add(2);
      if (batch.includes(2)) finish();
    }
  })();
  const other = (async () => {
    for await (const batch of follow()) assert.ok(batch.length > 0);
  })();
  await nextTick();
  add(1);
  await Promise.all([following, other]);
  assert.deepEqual(all, [1, 2]);
});

test('a change of another turn calls no listener of this one, and a stopped one is forgotten', () => {
  const events = createEvents();
  const calls: string[] = [];
  const listen = (name: string) => events.onTurn('turnChanged', turnOf(name), () => calls.push(name));
  const [a, again, b] = [listen('a'), listen('a'), listen('b')];
  events.emit('turnChanged', turnOf('a'));
  assert.deepEqual(calls, ['a', 'a']);
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  events.emit('turnChanged', turnOf('a'));
  events.emit('turnEventAdded', turnOf('b'));
  assert.deepEqual(calls, ['a', 'a', 'a']);
  again[Symbol.dispose]();
  b[Symbol.dispose]();
  events.emit('turnChanged', turnOf('a'));
  events.emit('turnChanged', turnOf('b'));
  assert.equal(calls.length, 3);
});
