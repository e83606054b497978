import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthOf } from './trend.ts';

test('the growth of values is that of most of them', () => {
  assert.equal(growthOf([1, 2, 3, 4, 5]), 4);
  assert.equal(growthOf([5, 4, 3, 2, 1]), -4);
  assert.equal(growthOf([7, 7, 7, 100, 7, 7, 7]), 0);
  assert.equal(growthOf([1, 3, 1, 3, 1, 3, 1, 3]), 0);
  assert.equal(growthOf([1, 2, 900, 4, 5, 6, 7]), 6);
  assert.equal(growthOf([3]), 0);
  assert.equal(growthOf([]), 0);
});
