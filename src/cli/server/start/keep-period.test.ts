import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepPeriod } from './keep-period.ts';

test('times from an hour on are accepted', () => {
  const hourMs = 3_600_000;
  assert.deepEqual(keepPeriod('1h'), { ms: hourMs, text: '1h' });
  assert.equal(keepPeriod('90d').ms, 90 * 24 * hourMs);
  assert.equal(keepPeriod('4w').ms, 28 * 24 * hourMs);
  assert.equal(keepPeriod('forever').ms, undefined);
  for (const text of ['', '0d', '90', '30s', '5m', '-1d', '1.5d', '1d2h', '999999w', 'never']) {
    assert.throws(() => keepPeriod(text), /at least an hour/, text);
  }
});
