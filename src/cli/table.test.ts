import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { displayWidth, truncate, wrapWords } from '../lib/display-width.ts';
import { terminalWidth } from './output.ts';
import { renderTable } from './table.ts';

describe('displayWidth', () => {
  it('counts columns, not characters', () => {
    for (const [text, width] of [
      ['abc', 3],
      ['日本', 4],
      ['e\u0301', 1],
      ['👩‍👩‍👧', 2],
      ['ﬁ\u200b', 1],
      ['', 0],
    ] as const) {
      assert.equal(displayWidth(text), width, text);
    }
  });
});

describe('wrapWords', () => {
  it('breaks between words, and keeps a longer word whole', () => {
    assert.deepEqual(wrapWords('see /a/long/path and go on', 8), ['see', '/a/long/path', 'and go', 'on']);
    assert.deepEqual(wrapWords('日本 語', 6), ['日本', '語']);
    assert.deepEqual(wrapWords('', 5), ['']);
    assert.deepEqual(wrapWords('all of it', Number.POSITIVE_INFINITY), ['all of it']);
  });
});

describe('truncate', () => {
  it('has 80 columns on a terminal that does not know its width', () => {
    assert.deepEqual(
      [{ isTTY: true, columns: 0 }, { isTTY: true }, { isTTY: true, columns: 132 }, { columns: 132 }].map(
        terminalWidth,
      ),
      [80, 80, 132, undefined],
    );
  });

  it('truncates to columns and never splits a character', () => {
    assert.equal(truncate('abcdef', 6), 'abcdef');
    assert.equal(truncate('abcdef', 4), 'abc…');
    assert.equal(truncate('日本語', 4), '日…');
  });
});

describe('renderTable', () => {
  const columns = [
    { title: 'ID', cell: (row: string[]) => row[0] ?? '' },
    { title: 'TITLE', cell: (row: string[]) => row[1] ?? '', flexible: true },
    { title: 'STATE', cell: (row: string[]) => row[2] ?? '' },
  ];
  const rows = [
    ['1', 'a title of more than twenty characters', 'Completed'],
    ['22', '日本', ''],
  ];

  it('aligns columns and truncates the flexible one to the width', () => {
    const lines = ['ID  TITLE           STATE', '1   a title of mo…  Completed', '22  日本', ''];
    assert.equal(renderTable(rows, columns, 29), lines.join('\n'));
  });

  it('neither truncates nor pads without a width', () => {
    const lines = ['ID\tTITLE\tSTATE', '1\ta title of more than twenty characters\tCompleted', '22\t日本', ''];
    assert.equal(renderTable(rows, columns), lines.join('\n'));
  });
});
