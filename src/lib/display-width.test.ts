import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth } from './display-width.ts';

test('counts the columns of a terminal', () => {
  const widths = {
    abc: 3,
    日本語: 6,
    'e\u0301': 1,
    '👩‍👩‍👧': 2,
    '🇩🇪': 2,
    '①': 1,
    '☺\ufe0f': 2,
    '1\ufe0f\u20e3': 2,
    '\u200b': 0,
  };
  for (const [text, width] of Object.entries(widths)) assert.equal(displayWidth(text), width, text);
});
