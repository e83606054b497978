import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createLogger } from '../lib/logger.ts';
import { ApiError, ConnectionError, parseErrorResponse } from '../plan42/errors.ts';
import { Readiness } from './readiness.ts';
import { RetryDelay } from './retry.ts';

const call = { method: 'GET', path: '/x' };
const outage = new ConnectionError(call, 'refused');
const errorOf = (status: number, headers = {}) => new ApiError(call, parseErrorResponse(status, headers, ''));

let lines: string[];
let readiness: Readiness;
beforeEach(() => {
  lines = [];
  readiness = new Readiness(createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) }));
});
const phase = () => readiness.state.phase;
const delayOf = (part = 'q') => new RetryDelay({ minMs: 100, maxMs: 60_000 }, readiness, part);

describe('the delay', () => {
  test('in an outage grows to its bound, and starts again after a success', () => {
    const delay = delayOf();
    for (let i = 0; i < 30; i += 1) {
      const ms = delay.failed(outage);
      assert.ok(ms >= 0 && ms <= Math.min(60_000, 100 * 2 ** i), `${i}: ${ms}`);
    }
    delay.succeeded();
    assert.ok(delay.failed(errorOf(503)) <= 100);
  });

  test('is at least what the server asks for', () => {
    assert.ok(delayOf().failed(errorOf(503, { 'retry-after': '7' })) >= 7000);
    assert.ok(delayOf().failed(errorOf(401, { 'retry-after': '90' })) >= 90_000);
  });

  test('of a refused token grows to a minute, and is never short', () => {
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

  test('of a refused token is not shortened by a network that fails in between', () => {
    const delay = delayOf();
    for (let i = 0; i < 8; i += 1) delay.failed(errorOf(401));
    assert.ok(delay.failed(outage) >= 60_000);
    assert.ok(delay.failed(errorOf(401)) >= 60_000);
  });
});

describe('readiness', () => {
  test('is starting, then ready, and ready again after trouble', () => {
    const delay = delayOf();
    assert.equal(phase(), 'starting');
    delay.succeeded();
    assert.equal(phase(), 'ready');
    delay.failed(outage);
    assert.equal(phase(), 'degraded');
    delay.succeeded();
    assert.equal(phase(), 'ready');
    assert.equal(lines.length, 3);
  });

  test('says once that the token is refused, however many queues try', () => {
    const delays = ['a', 'b', 'c'].map(delayOf);
    for (let i = 0; i < 5; i += 1) for (const delay of delays) delay.failed(errorOf(401));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /ERROR .*refuses the runner token/);
    const { state } = readiness;
    assert.ok(state.phase === 'degraded' && state.troubles.every(({ kind }) => kind === 'refused'));
    for (const delay of delays) delay.succeeded();
    assert.equal(phase(), 'ready');
    assert.equal(lines.length, 2);
  });

  test('does not say it again when the network fails in between', () => {
    const delay = delayOf();
    for (const error of [errorOf(401), outage, errorOf(401)]) delay.failed(error);
    assert.equal(lines.length, 1);
  });

  test('says once that the server cannot be reached', () => {
    const delay = delayOf();
    for (let i = 0; i < 5; i += 1) delay.failed(outage);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /WARN .*cannot be reached/);
  });

  test('remembers since when', () => {
    const delay = delayOf();
    delay.failed(outage);
    const [first] = readiness.state.phase === 'degraded' ? readiness.state.troubles : [];
    delay.failed(outage);
    const [second] = readiness.state.phase === 'degraded' ? readiness.state.troubles : [];
    assert.ok(first && first.since === second?.since);
  });

  test('forgets the trouble of a queue that is gone', () => {
    delayOf('a').succeeded();
    delayOf('b').failed(outage);
    readiness.forget('b');
    assert.equal(phase(), 'ready');
  });

  test('of a runner that drains is draining, whatever happens', () => {
    const delay = delayOf();
    readiness.drains();
    delay.failed(outage);
    delay.succeeded();
    assert.equal(phase(), 'draining');
    assert.equal(lines.length, 1);
  });
});
