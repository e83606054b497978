import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinWords } from './join-words.ts';

test('words are joined as in a sentence', () => {
  const lists = [[], ['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd']];
  assert.deepEqual(lists.map(joinWords), ['', 'a', 'a and b', 'a, b and c', 'a, b, c and d']);
});
