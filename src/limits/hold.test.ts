import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../test/support/random.ts';
import { type Activity, begin, consider, type Held, ignoreOutput, untilNextLookMs } from './hold.ts';
import type { JobLimits, LimitUse } from './limits.ts';

const nothing: Activity = { logBytes: 0, gatewayBytes: 0, interfaceBytes: 0, cpuMs: 0 };
const maxLookMs = 4000;

/** A job that does something at these moments, watched as the warden does, until it reaches a limit or `untilMs`. */
function play(limits: JobLimits, activeAtMs: readonly number[], untilMs: number, loseStateAtMs = Infinity) {
  let held: Held = begin(0);
  const notices: { atMs: number; use: LimitUse }[] = [];
  let now = 0;
  for (;;) {
    if (now >= untilMs) return { notices, reached: undefined, atMs: now };
    const done = activeAtMs.filter((at) => at <= now).length;
    const look = limits.idle_timeout === undefined ? {} : { activity: { ...nothing, logBytes: done * 10 } };
    const verdict = consider(limits, held, now, look);
    held = verdict.held;
    notices.push(...verdict.notices.map((use) => ({ atMs: now, use })));
    if (verdict.reached) return { notices, reached: verdict.reached, atMs: now };
    const waitMs = untilNextLookMs(limits, held, now);
    // The warden was killed, and is back a little later.
    const pauseMs = now < loseStateAtMs && now + waitMs >= loseStateAtMs ? 700 : 0;
    now += waitMs + pauseMs;
  }
}

test('of 1,000 random limits, none is missed and none is early', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 1000; round += 1) {
    const endMs = 1000 + random() * 8 * 3600_000;
    const idle = 500 + random() * 1800_000;
    const limits = { ...(round % 3 !== 1 && { max_duration: endMs }), ...(round % 3 !== 0 && { idle_timeout: idle }) };
    const gaps = Array.from({ length: 30 }, () => random() * idle * 1.1);
    const active = gaps.map((_, n) => gaps.slice(0, n + 1).reduce((sum, gap) => sum + gap, 0));
    const killAtMs = random() * endMs;
    const { reached, atMs } = play(limits, active, Infinity, killAtMs);
    assert.ok(reached, `round ${round}`);
    const slackMs = 700 + Math.max(maxLookMs, 1);
    if (reached.limit === 'max_duration') {
      assert.ok(atMs >= endMs && atMs <= endMs + slackMs, `round ${round}: ${atMs} of ${endMs}`);
    } else {
      const last = [0, ...active].findLast((at) => at <= atMs) ?? 0;
      assert.ok(atMs - last >= idle, `round ${round}: idle for ${atMs - last} of ${idle}`);
    }
    // Whichever limit was due first is the one that was reached.
    const idleDueMs = idleDue([0, ...active], idle);
    const dueMs = Math.min(limits.max_duration ?? Infinity, limits.idle_timeout === undefined ? Infinity : idleDueMs);
    // Activity in the time of one look before the limit can delay it to the next silence.
    if (reached.limit === 'max_duration' || isFarFrom([...active], dueMs, slackMs))
      assert.ok(atMs >= dueMs && atMs <= dueMs + 2 * slackMs, `round ${round}: ${atMs} of ${dueMs}`);
  }
});

function idleDue(active: readonly number[], idle: number): number {
  const index = active.findIndex((at, n) => (active[n + 1] ?? Infinity) - at >= idle);
  return (active[index] ?? 0) + idle;
}

function isFarFrom(active: readonly number[], atMs: number, ms: number): boolean {
  return active.every((at) => Math.abs(at - atMs) > 2 * ms);
}

describe('what counts as activity', () => {
  const limits = { idle_timeout: 60_000 };
  const after = (ms: number, change: Partial<Activity>) => {
    const first = consider(limits, begin(0), 0, { activity: nothing }).held;
    return consider(limits, first, ms, { activity: { ...nothing, ...change } }).held.activeAtMs;
  };
  test('a byte of output or of a connection', () => {
    assert.equal(after(4000, { logBytes: 1 }), 4000);
    assert.equal(after(4000, { gatewayBytes: 1 }), 4000);
    assert.equal(after(4000, {}), 0);
  });
  test('more than one percent of a processor, and more traffic than that of a sign of life', () => {
    assert.equal(after(4000, { cpuMs: 41 }), 4000);
    assert.equal(after(4000, { cpuMs: 39 }), 0);
    assert.equal(after(4000, { interfaceBytes: 17_000 }), 4000);
    assert.equal(after(4000, { interfaceBytes: 9000 }), 0);
  });
  test('a short burst in a long time without a look', () => {
    assert.equal(after(50_000, { cpuMs: 50 }), 50_000);
  });
  test('not a line of the warden, even if it arrives later', () => {
    const first = consider(limits, begin(0), 0, { activity: nothing }).held;
    const noted = ignoreOutput(first, 100);
    const before = consider(limits, noted, 1000, { activity: nothing }).held;
    const arrived = consider(limits, before, 2000, { activity: { ...nothing, logBytes: 100 } }).held;
    assert.equal(arrived.activeAtMs, 0);
    assert.equal(consider(limits, arrived, 3000, { activity: { ...nothing, logBytes: 101 } }).held.activeAtMs, 3000);
  });
});

describe('notices', () => {
  test('come once at 80 %, also for disk space that was free again meanwhile', () => {
    const limits = { disk_gib: 100 };
    let held = begin(0);
    const noticesAt = (diskBytes: number) => {
      const verdict = consider(limits, held, 0, { diskBytes });
      held = verdict.held;
      return [verdict.notices.length, verdict.reached !== undefined];
    };
    assert.deepEqual(noticesAt(79), [0, false]);
    assert.deepEqual(noticesAt(80), [1, false]);
    assert.deepEqual(noticesAt(99), [0, false]);
    assert.deepEqual(noticesAt(10), [0, false]);
    assert.deepEqual(noticesAt(85), [1, false]);
    assert.deepEqual(noticesAt(100), [0, true]);
  });
  test('of the duration come at their moment', () => {
    const { notices, atMs, reached } = play({ max_duration: 10_000 }, [], Infinity);
    assert.deepEqual([notices.map((notice) => notice.atMs), atMs, reached?.limit], [[8000], 10_000, 'max_duration']);
  });
  test('of idleness come again in the next silence', () => {
    const { notices } = play({ idle_timeout: 10_000 }, [9000], Infinity);
    assert.equal(notices.length, 2);
  });
});
