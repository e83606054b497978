import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './parse.ts';

const read = (text: string) => parseConfig({ env: { PLAN42_IMAGES_ALLOWED: text }, flags: new Map() });

test('a list from the environment or a flag is written as in the file, or with commas', () => {
  const allowed = (text: string) => read(text).config.images.allowed;
  assert.deepEqual(allowed('["ghcr.io/us/*", "a:b"]'), ['ghcr.io/us/*', 'a:b']);
  assert.deepEqual(allowed(' [ "x" ] '), ['x']);
  assert.deepEqual(allowed('a, b'), ['a', 'b']);
});

test('an IPv6 address with a port is an entry', () => {
  const { config } = parseConfig({ env: { PLAN42_EGRESS_ALLOWED: '[fd00::1]:8080, a.example' }, flags: new Map() });
  assert.deepEqual(config.egress.allowed, ['[fd00::1]:8080', 'a.example']);
});

test('an incomplete list is rejected rather than treated as an entry', () => {
  for (const text of ['["a', '[1]', '[a]', '["a"] x']) {
    assert.match(
      read(text)
        .problems.map(({ message }) => message)
        .join(),
      /array|list/i,
      text,
    );
  }
});
