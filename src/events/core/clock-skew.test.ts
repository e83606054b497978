import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockSkewMs, readClock } from './clock-skew.ts';

const at = 'Fri, 02 Jan 2026 00:00:00 GMT';
const later = 'Fri, 02 Jan 2026 00:10:00 GMT';

test('the skew of two clocks leaves out the time between the readings', () => {
  assert.equal(clockSkewMs(readClock(later, 1000), readClock(at, 1000)), 600_000);
  assert.equal(clockSkewMs(readClock(at, 1000), readClock(later, 1000)), -600_000);
  assert.equal(clockSkewMs(readClock(later, 601_000), readClock(at, 1000)), 0);
});

test('an unknown clock has no skew', () => {
  for (const date of [undefined, '', 'soon']) {
    assert.equal(readClock(date, 0), undefined);
    assert.equal(clockSkewMs(readClock(date, 0), readClock(at, 0)), 0);
    assert.equal(clockSkewMs(readClock(at, 0), readClock(date, 0)), 0);
  }
});
