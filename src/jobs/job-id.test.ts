import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatJobId, isJobId } from './job-id.ts';

const taskId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe('job IDs', () => {
  test('are made of task ID and turn index', () => {
    assert.equal(formatJobId(taskId, 1), `plan42-${taskId}-1`);
    assert.equal(formatJobId(taskId.toUpperCase(), 12), `plan42-${taskId}-12`);
  });

  test('that are made are job IDs', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), (id, index) => {
        assert.ok(isJobId(formatJobId(id, index)));
      }),
    );
  });

  for (const text of [
    '',
    'plan42-',
    `plan42-${taskId}`,
    `plan42-${taskId}-`,
    `plan42-${taskId}-0`,
    `plan42-${taskId}-01`,
    `plan42-${taskId}--1`,
    `plan42-${taskId}-1.5`,
    `plan42-${taskId}-1\n`,
    `plan42-${taskId}-1.draft`,
    `plan42-${taskId}-1/..`,
    `plan42-${taskId}-9999999999`,
    `../plan42-${taskId}-1`,
    `-plan42-${taskId}-1`,
    ` plan42-${taskId}-1`,
    `PLAN42-${taskId}-1`,
    `plan42-../../../../../../../../../etc/pas-1`,
  ]) {
    test(`are not ${JSON.stringify(text)}`, () => assert.equal(isJobId(text), false));
  }
});
