import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';

test('each delay is between zero and the exponential bound', () => {
  const limits = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1000, max: 100_000 }));
  const randoms = fc.double({ min: 0, max: 0.999_999, noNaN: true });
  fc.assert(
    fc.property(limits, randoms, fc.integer({ min: 1, max: 2000 }), ([minMs, maxMs], random, count) => {
      const backoff = new Backoff({ minMs, maxMs }, () => random);
      for (let n = 0; n < count; n += 1) {
        const delay = backoff.next();
        assert.ok(delay >= 0 && delay <= Math.min(maxMs, minMs * 2 ** n));
        assert.ok(Math.abs(delay - random * Math.min(maxMs, minMs * 2 ** n)) < 1e-6);
      }
      assert.equal(backoff.attempts, count);
      backoff.reset();
      assert.equal(backoff.attempts, 0);
      assert.ok(backoff.next() <= minMs);
    }),
    { numRuns: 30 },
  );
});

test('retryAfterMs is the minimum', () => {
  const backoff = new Backoff({ minMs: 10, maxMs: 100 }, () => 1);
  assert.equal(backoff.next(5), 10);
  assert.equal(backoff.next(500), 500);
});
