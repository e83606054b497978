import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchForWake } from './standstill.ts';

const hour = 3_600_000;

test('a machine that slept is noticed, and an ordinary second is not', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const times = { now: 5000, uptime: 9000, date: 1_000_000 };
  const gaps: number[] = [];
  using _watch = watchForWake((gapMs) => gaps.push(gapMs), {
    now: () => times.now,
    uptimeMs: () => times.uptime,
    date: () => new Date(times.date),
  });
  const pass = (ms: number, asleep: Partial<typeof times> = {}) => {
    for (const clock of ['now', 'uptime', 'date'] as const) times[clock] += ms + (asleep[clock] ?? 0);
    t.mock.timers.tick(ms);
  };

  pass(1000);
  pass(1000, { uptime: 30_000, date: 30_000 });
  pass(1000);
  pass(1000);
  assert.deepEqual(gaps, [], 'half a minute is what every connection survives');

  pass(1000, { uptime: 8 * hour, date: 8 * hour });
  assert.deepEqual(gaps, [], 'what had arrived before is still read');
  pass(1000);
  assert.deepEqual(gaps, [8 * hour]);
  pass(60_000);
  assert.equal(gaps.length, 1, 'once');

  pass(1000, { date: -hour });
  pass(1000);
  pass(1000);
  assert.equal(gaps.length, 1, 'a date that is set back is no sleep');

  pass(1000, { now: 2 * hour, uptime: 2 * hour, date: 2 * hour });
  pass(1000);
  assert.deepEqual(gaps.slice(1), [2 * hour], 'a process that was stopped');
  pass(1000, { date: 3 * hour });
  pass(1000);
  assert.deepEqual(gaps.slice(2), [3 * hour], 'a virtual machine that was paused');
  pass(1000, { uptime: 4 * hour, date: -hour });
  pass(1000);
  assert.deepEqual(gaps.slice(3), [4 * hour], 'a machine that slept, and whose date was set back at once');
});
