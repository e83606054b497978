import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeEnd, hasExpired, tokenState } from './token-end.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const now = new Date('2026-01-02T03:04:05Z');
const at = (ms: number) => new Date(now.getTime() + ms);

test('a token ends soon from 14 days before its end', () => {
  const states = [15 * day, 14 * day, 1, 0, -day].map((ms) => tokenState(at(ms), now));
  assert.deepEqual(states, ['valid', 'ending', 'ending', 'expired', 'expired']);
  assert.equal(tokenState(undefined, now), 'valid');
});

test('a token has certainly expired five minutes after its end', () => {
  assert.deepEqual(
    [undefined, at(1), at(-4 * minute), at(-5 * minute)].map((end) => hasExpired(end, now)),
    [false, false, false, true],
  );
});

test('the end is described in its largest unit', () => {
  for (const [ms, text] of [
    [13.9 * day, 'in 13 days'],
    [day, 'in 1 day'],
    [90 * minute, 'in 1 hour'],
    [3 * minute, 'in 3 minutes'],
    [1000, 'now'],
    [-2 * day, '2 days ago'],
  ] as const) {
    assert.equal(describeEnd(at(ms), now), text);
  }
});
