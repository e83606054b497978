import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toUtc } from './time.ts';

test('a time keeps its instant and every digit of its fraction', () => {
  assert.equal(toUtc('2025-01-02T03:04:05.6+01:00'), '2025-01-02T02:04:05.6Z');
  assert.equal(toUtc('2025-01-02T03:04:05.123456789-08:00'), '2025-01-02T11:04:05.123456789Z');
  assert.equal(toUtc('2024-12-31T23:59:59Z'), '2024-12-31T23:59:59Z');
  assert.equal(toUtc('0001-01-01T00:00:00Z'), '0001-01-01T00:00:00Z');
});

test('times that Go cannot parse are rejected', () => {
  const bad = [
    '',
    '2025-01-02',
    '2025-01-02T03:04:05',
    '2025-01-02T03:04:05+0000',
    '2025-01-02t03:04:05z',
    '2025-02-30T03:04:05Z',
    '2025-01-02T24:00:00Z',
    '2025-01-02T03:04:60Z',
    '2025-01-02T03:04:05+25:00',
    '0000-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
  ];
  assert.deepEqual(
    bad.filter((text) => toUtc(text) !== undefined),
    [],
  );
});
