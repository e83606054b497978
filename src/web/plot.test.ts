import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bandsOf, plotPaths } from './plot.ts';

const size = { width: 100, height: 11, steps: 11 };

test('the newest sample is at the right, and a null is a gap', () => {
  const { line, area } = plotPaths([0, 100, null, 50], size);
  assert.equal(line, 'M70 10.5L80 0.5M100 5.5');
  assert.equal(area, 'M70 11L70 10.5L80 0.5L80 11ZM100 11L100 5.5L100 11Z');
  assert.deepEqual(plotPaths([], size), { line: '', area: '' });
});

test('values beyond the limit stay within the plot', () => {
  assert.equal(plotPaths([400], size).line, 'M100 0.5');
});

test('bands cover the steps that were in a state', () => {
  assert.deepEqual(bandsOf('HUUHU', 'U', size), [
    { x: 65, width: 20 },
    { x: 95, width: 5 },
  ]);
});
