import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '../../lib/logger.ts';
import { ApiError, ConnectionError, parseErrorResponse } from '../../plan42/errors.ts';
import { RunnerHealth } from '../health.ts';
import { RetryDelay } from './retry-delay.ts';

const call = { method: 'GET', path: '/x' };
const outage = new ConnectionError(call, 'refused');
const errorOf = (status: number, headers = {}) => new ApiError(call, parseErrorResponse(status, headers, ''));

const delayOf = () => new RetryDelay({ minMs: 100, maxMs: 60_000 }, new RunnerHealth(silentLogger), 'queue');

describe('the delay', () => {
  test('grows to its limit in an outage and restarts after a success', () => {
    const delay = delayOf();
    for (let i = 0; i < 30; i += 1) {
      const ms = delay.failed(outage);
      assert.ok(ms >= 0 && ms <= Math.min(60_000, 100 * 2 ** i), `${i}: ${ms}`);
    }
    delay.succeeded();
    assert.ok(delay.failed(errorOf(503)) <= 100);
  });

  test('is at least the server’s Retry-After', () => {
    assert.ok(delayOf().failed(errorOf(503, { 'retry-after': '7' })) >= 7000);
    assert.ok(delayOf().failed(errorOf(401, { 'retry-after': '90' })) >= 90_000);
  });

  test('of a rejected token grows to a minute and is never short', () => {
    for (const status of [401, 403]) {
      const delay = delayOf();
      const delays = Array.from({ length: 10 }, () => delay.failed(errorOf(status)));
      assert.ok((delays[0] ?? 0) >= 1000);
      assert.ok(
        delays.slice(6).every((ms) => ms >= 60_000 && ms <= 70_000),
        delays.join(),
      );
      delay.succeeded();
      assert.ok(delay.failed(errorOf(status)) < 2000);
    }
  });

  test('of a rejected token is not reset by network failures in between', () => {
    const delay = delayOf();
    for (let i = 0; i < 8; i += 1) delay.failed(errorOf(401));
    assert.ok(delay.failed(outage) >= 60_000);
    assert.ok(delay.failed(errorOf(401)) >= 60_000);
  });
});
