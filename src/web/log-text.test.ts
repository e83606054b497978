import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logFile, textParts } from './log-text.ts';

test('the parts of a text that match are marked, in any capitals', () => {
  const shown = (text: string, search: string) =>
    textParts(text, search)
      .map(({ part, isMatch }) => (isMatch ? `[${part}]` : part))
      .join('');
  assert.equal(shown('An error, ERROR and errors', 'Error'), 'An [error], [ERROR] and [error]s');
  assert.equal(shown('İa error', 'error'), 'İa [error]');
  assert.equal(shown('none', 'x'), 'none');
  assert.equal(shown('aaa', 'aa'), '[aa]a');
  assert.equal(shown('a', ''), 'a');
  assert.deepEqual(textParts('', 'x'), []);
});

test('a log is a file with one entry per line', () => {
  const entries = [
    { timestamp: '2026-01-01T00:00:00Z', message: 'one' },
    { timestamp: '2026-01-01T00:00:01Z', message: '\u001b[1mtwo' },
  ];
  assert.equal(logFile(entries), '2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z \u001b[1mtwo\n');
});
