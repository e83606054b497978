import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ewma } from './ewma.ts';

test('what was measured long ago counts less', () => {
  const mean = new Ewma(60_000);
  assert.equal(mean.value, undefined);
  mean.add(1, 1000);
  assert.equal(mean.value, 1);
  mean.add(0, 1000);
  assert.equal(mean.value, 0.5);
  for (let at = 2000; at <= 301_000; at += 1000) mean.add(0.25, at);
  assert.ok(Math.abs((mean.value ?? 0) - 0.25) < 0.01, String(mean.value));
});
