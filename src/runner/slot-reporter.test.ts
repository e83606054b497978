import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMachineHeaders } from '../plan42/runner-headers.ts';
import { SlotReporter } from './slot-reporter.ts';

test('more free slots are reported at once, fewer with the next request', () => {
  let free = 2;
  let reports = 0;
  const instanceId = '0f2504e0-4f89-41d3-9a0c-0305e82c3301';
  const reporter = new SlotReporter({ instanceId, machine: 'm1', maxSlots: 2, freeSlots: () => free });
  reporter.report = () => {
    reports += 1;
  };
  const sent = () => parseMachineHeaders(reporter.headers())?.slots;
  const first = sent();
  assert.deepEqual([first?.free, first?.max, first?.sequence], [2, 2, 1]);
  free = 1;
  reporter.update();
  assert.equal(reports, 0);
  const second = sent();
  assert.deepEqual([second?.free, second?.run, second?.sequence], [1, first?.run, 2]);
  free = 2;
  reporter.update();
  assert.equal(reports, 1);
  reporter.noteDisk(true);
  assert.equal(reports, 2);
  const low = sent();
  assert.deepEqual([low?.free, low?.reason], [0, 'low-disk']);
  reporter.update();
  reporter.noteDisk(true);
  assert.equal(reports, 2);
  reporter.noteDisk(false);
  assert.equal(reports, 3);
});
