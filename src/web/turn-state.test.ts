import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitingForSlotStatus } from '../plan42/turn-status.ts';
import { isWaiting, timesOf } from './turn-state.ts';

test('a turn that waits is distinguished from one that works', () => {
  const waiting = [
    'Pending',
    waitingForSlotStatus,
    'Waiting for a runner',
    'Waiting for a runner: low disk space on m1',
  ];
  for (const status of waiting) assert.equal(isWaiting(status), true, status);
  for (const status of ['Working: claude', 'Waiting for the model', 'Completed'])
    assert.equal(isWaiting(status), false, status);
});

test('a turn waits until a runner accepts it, and then runs', () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  const turn = { CreatedAt: at(0).toISOString(), Status: 'Working' };
  assert.deepEqual(timesOf(turn, at(5)), { waitedMs: 5000, ranMs: undefined });
  const accepted = { ...turn, AcceptedAt: at(2).toISOString() };
  assert.deepEqual(timesOf(accepted, at(5)), { waitedMs: 2000, ranMs: 3000 });
  const done = { ...accepted, Status: 'Completed', CompletedAt: at(4).toISOString() };
  assert.deepEqual(timesOf(done, at(50)), { waitedMs: 2000, ranMs: 2000 });
  assert.deepEqual(timesOf({ ...turn, Status: 'Failed', CompletedAt: at(3).toISOString() }, at(9)), {
    waitedMs: 3000,
    ranMs: undefined,
  });
});
