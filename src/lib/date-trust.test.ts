import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDateWatch, type DateMemory } from './date-trust.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** A process that looks at the date after each step. */
function watching(memory?: DateMemory) {
  const times = { now: 0, uptime: 0, date: memory?.dateMs ?? 10 * year };
  let watch = start();
  let last = memory;
  function start() {
    return createDateWatch({
      now: () => times.now,
      uptimeMs: () => times.uptime,
      date: () => new Date(times.date),
    });
  }
  const look = () => {
    last = watch(last);
    return last.waitMs;
  };
  return {
    look,
    pass: (ms: number) => {
      for (const clock of ['now', 'uptime', 'date'] as const) times[clock] += ms;
      return look();
    },
    sleep: (ms: number) => {
      times.uptime += ms;
      times.date += ms;
      return look();
    },
    jump: (ms: number) => {
      times.date += ms;
      return look();
    },
    restart: (ms: number) => {
      times.date += ms;
      watch = start();
      return look();
    },
  };
}

test('time that passes, asleep or while the process is down, is trusted', () => {
  const { look, pass, sleep, restart, jump } = watching();
  const waits = [look(), pass(hour), sleep(10 * day), pass(hour), restart(0), restart(60 * hour), pass(hour)];
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([jump(-2 * minute), jump(4 * minute)], [0, 0], 'a correction');
});

test('after a jump, ages wait as long as the jump, at most a day', () => {
  const { look, pass, jump } = watching();
  look();
  assert.equal(jump(10 * minute), 10 * minute);
  assert.deepEqual([pass(4 * minute), pass(6 * minute)], [6 * minute, 0]);
  assert.equal(jump(2 * year), day);
  assert.equal(pass(hour), day - hour);
  assert.equal(jump(-2 * year), day, 'back again');
  for (let i = 1; i <= 24; i += 1) assert.equal(pass(hour), day - i * hour);
});

test('a wait survives a restart, and a restart does not hide a jump', () => {
  const first = watching();
  first.look();
  first.jump(year);
  assert.equal(first.restart(minute), day);
  assert.equal(first.pass(hour), day - hour);
  const second = watching({ dateMs: 5 * year, waitMs: 0 });
  assert.equal(second.restart(2 * year), day);
  assert.equal(watching({ dateMs: 5 * year, waitMs: 0 }).restart(-hour), hour);
});
