import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from '../lib/format-duration.ts';
import { isUuidV4 } from '../lib/uuid.ts';
import { logLine, shownLink, shownValue } from './shown-text.ts';
import { clockTime, exactTime, localTime } from './times.ts';
import { newUuid } from './uuid.ts';

test('a log line has no colours, no hidden characters and a maximum length', () => {
  assert.equal(logLine('\u001b[1;31mred\u001b[0m\u0007 \u202e!\n'), 'red\\x07 \\u202e!');
  assert.equal(logLine('x'.repeat(10_002)), `${'x'.repeat(10_000)} … (2 more characters)`);
});

test('a link shows its host, and only a plain https URL can be followed', () => {
  const link = shownLink('https://github.com/a/b/pull/8');
  assert.deepEqual(link, { href: 'https://github.com/a/b/pull/8', host: 'github.com' });
  const others: Record<string, string> = {
    'https://github.com@evil.example/a/b/pull/8': 'evil.example',
    'https://github.com:x@evil.example/': 'evil.example',
    'http://github.com/a/b/pull/8': 'github.com',
    'https:\\\\github.com@evil.example\\x': 'evil.example',
    'ftp://evil.example/x': 'evil.example',
  };
  for (const [url, host] of Object.entries(others)) assert.deepEqual(shownLink(url), { href: undefined, host }, url);
  assert.equal(shownLink('https://gіthub.com/')?.host, 'xn--gthub-n2e.com');
  for (const url of ['javascript:alert(1)', 'data:text/html,x', ' java\nscript:x', 'pr/1', '', null]) {
    assert.equal(shownLink(url), undefined, String(url));
  }
});

test('all texts of a response are safe to show', () => {
  const value = { Title: 'a\u202eb', List: ['\u001b[1mx\u001b[0m', 1, null], 'n\u200b': { Text: 'a\n\tb\u2066' } };
  assert.deepEqual(shownValue(value), {
    Title: 'a\\u202eb',
    List: ['x', 1, null],
    'n\\u200b': { Text: 'a\n\tb\\u2066' },
  });
});

test('times are local, without the date if it is today, and unchanged if invalid', () => {
  const at = '2026-03-04T05:06:07.089Z';
  assert.doesNotMatch(localTime(at, new Date(at)), /2026/);
  assert.match(localTime(at, new Date('2026-03-09T00:00:00Z')), /2026/);
  assert.match(exactTime(at), /2026.*\b07\.089\b/);
  assert.deepEqual([localTime('x', new Date()), exactTime('x'), clockTime('x')], ['x', 'x', '']);
});

test('durations', () => {
  const texts = [420, 9_960, 59_400, 252_000, 7_500_000].map(formatDuration);
  assert.deepEqual(texts, ['0.4 s', '10.0 s', '59 s', '4 min 12 s', '2 h 5 min']);
});

test('IDs are UUIDs of version 4', () => {
  assert.ok(Array.from({ length: 100 }, newUuid).every(isUuidV4));
});
