import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchForWake } from './wake.ts';

test('a machine that slept is noticed, and an ordinary second is not', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  let wall = 1_000_000;
  let monotonic = 5000;
  const gaps: number[] = [];
  using _watch = watchForWake((gapMs) => gaps.push(gapMs), { wall: () => wall, monotonic: () => monotonic });
  const pass = (ms: number, asleepMs = 0) => {
    wall += ms + asleepMs;
    monotonic += ms;
    t.mock.timers.tick(ms);
  };

  pass(1000);
  pass(1000, 30_000);
  pass(1000);
  pass(1000);
  assert.deepEqual(gaps, [], 'half a minute is what every connection survives');

  pass(1000, 8 * 3_600_000);
  assert.deepEqual(gaps, [], 'what had arrived before is still read');
  pass(1000);
  assert.deepEqual(gaps, [8 * 3_600_000]);
  pass(60_000);
  assert.equal(gaps.length, 1, 'once');

  wall -= 3_600_000;
  pass(1000);
  pass(1000);
  assert.equal(gaps.length, 1, 'a clock that is set back is no sleep');
});
