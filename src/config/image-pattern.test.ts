import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImagePattern } from './image-pattern.ts';
import { InvalidValue } from './kinds.ts';

test('a pattern has the parts of an image reference', () => {
  const { isAny, ...parts } = parseImagePattern('*.Example.com:5?/acme/*/agent:v*@sha256:0*');
  assert.equal(isAny, false);
  assert.deepEqual(parts, {
    registry: '*.example.com',
    port: '5?',
    path: ['acme', '*', 'agent'],
    tag: 'v*',
    digest: 'sha256:0*',
  });
  assert.equal(parseImagePattern('*').isAny, true);
  assert.deepEqual(parseImagePattern('python:*').path, ['python']);
});

test('a pattern that admits no image is rejected with the reason', () => {
  const reasons: Record<string, RegExp> = {
    '': /which is empty; remove it$/,
    'ghcr.io*': /"ghcr.io\*", which names a registry and no repository; write "ghcr.io\/\*"$/,
    'registry.example.com': /names a registry and no repository/,
    'Acme/*': /has capital letters in its repository/,
    'acme//x': /has an invalid repository/,
    'acme/': /has an invalid repository/,
    'a b': /has an invalid repository/,
    'ghcr.io:x/y': /has an invalid port/,
    'a$.b/c': /has an invalid registry/,
    'python:': /has an invalid tag/,
    'python:3:4': /has an invalid tag/,
    'python@sha512:0': /has an invalid digest/,
    '[a]': /has an invalid repository/,
  };
  for (const [text, reason] of Object.entries(reasons)) {
    assert.throws(
      () => parseImagePattern(text),
      (error) => error instanceof InvalidValue && reason.test(error.message),
      text,
    );
  }
});
