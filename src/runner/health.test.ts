import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createLogger } from '../lib/logger.ts';
import { RunnerHealth } from './health.ts';

let lines: string[];
let summaries: string[];
let health: RunnerHealth;
beforeEach(() => {
  lines = [];
  summaries = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) });
  health = new RunnerHealth(logger, (summary) => summaries.push(summary));
});

const phase = () => health.state.phase;

test('is starting, then ready, and ready again after an outage', () => {
  assert.equal(phase(), 'starting');
  health.reportSuccess('a');
  assert.equal(phase(), 'ready');
  health.reportFailure('a', 'unreachable', 'connection refused');
  assert.equal(phase(), 'degraded');
  health.reportSuccess('a');
  assert.equal(phase(), 'ready');
  assert.deepEqual(summaries, ['ready', 'degraded: connection refused', 'ready']);
  assert.equal(lines.length, 3);
});

test('logs a rejected token once for all queues', () => {
  const queues = ['a', 'b', 'c'];
  for (let i = 0; i < 5; i += 1) for (const queue of queues) health.reportFailure(queue, 'refused', '401');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /ERROR runner token rejected error=401 remedy="Create a token/);
  for (const queue of queues) health.reportSuccess(queue);
  assert.equal(phase(), 'ready');
  assert.equal(lines.length, 2);
});

test('keeps a rejected token as the reason during an outage', () => {
  for (const kind of ['refused', 'unreachable', 'refused'] as const) health.reportFailure('a', kind, kind);
  assert.equal(lines.length, 1);
  assert.deepEqual(
    health.troubles.map(({ kind }) => kind),
    ['refused'],
  );
});

test('logs an outage once and keeps its start', () => {
  health.reportFailure('a', 'unreachable', 'connection refused');
  const [first] = health.troubles;
  for (let i = 0; i < 5; i += 1) health.reportFailure('a', 'unreachable', 'connection refused');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /WARN {2}server unreachable error="connection refused"/);
  assert.equal(health.troubles[0], first);
});

test('an outage outranks low disk space', () => {
  health.reportFailure('disk', 'disk', 'full');
  health.reportFailure('a', 'unreachable', 'connection refused');
  assert.deepEqual(summaries, ['degraded: full', 'degraded: connection refused']);
});

test('drops the failure of a removed part', () => {
  health.reportSuccess('a');
  health.reportFailure('b', 'unreachable', 'connection refused');
  health.remove('b');
  assert.equal(phase(), 'ready');
});

test('stays draining, whatever parts report', () => {
  health.startDraining();
  health.reportFailure('a', 'unreachable', 'connection refused');
  health.reportSuccess('a');
  assert.equal(phase(), 'draining');
  assert.deepEqual(summaries, ['draining']);
});
