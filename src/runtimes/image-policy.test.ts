import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isImageAllowed } from './image-policy.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

describe('the image policy', () => {
  const cases: [image: string, allowed: string[], verdict: boolean][] = [
    ['alpine', ['*'], true],
    [`ghcr.io:443/org/agent:1@${digest}`, ['*'], true],
    ['alpine', [], false],
    ['alpine', [''], false],
    ['alpine', ['alpine'], true],
    ['alpine:3', ['alpine'], false],
    ['alpine', ['alpine*'], true],
    ['alpine:3', ['alpine*'], true],
    ['alpine-slim:3', ['alpine*'], true],
    ['xalpine', ['alpine*'], false],
    ['ghcr.io/org/agent:1', ['ghcr.io/org/*'], true],
    ['ghcr.io/org/team/agent:1', ['ghcr.io/org/*'], true],
    [`ghcr.io/org/agent@${digest}`, ['ghcr.io/org/*'], true],
    ['GHCR.io/org/agent', ['ghcr.IO/org/*'], true],
    ['ghcr.io/other/agent:1', ['ghcr.io/org/*'], false],
    ['ghcr.io/org', ['ghcr.io/org/*'], false],
    ['evil.io/ghcr.io/org/agent', ['ghcr.io/org/*'], false],
    ['ghcrxio/org/agent', ['ghcr.io/org/*'], false],
    // A registry ends where the image's does.
    ['ghcr.io.evil.example/x', ['ghcr.io*'], false],
    ['ghcr.io.evil.example/x', ['ghcr.io/*'], false],
    ['ghcr.io:5000/x', ['ghcr.io/*'], false],
    ['ghcr.io:5000/x', ['ghcr.io:*/*', 'ghcr.io/*'], true],
    ['a.example.com/x', ['*.example.com/*'], true],
    ['a.example.com.evil.example/x', ['*.example.com/*'], false],
    ['evil.example/a.example.com/x', ['*.example.com/*'], false],
    ['registry.example.com/x', ['registry.example.co?/*'], true],
    // So does a repository, and a tag.
    ['python:3.14', ['python:*'], true],
    [`python:3.14@${digest}`, ['python:*'], true],
    ['python:5000/evil', ['python:*'], false],
    ['python', ['python:*'], false],
    ['python.evil.example/x', ['python*'], false],
    ['python/evil', ['python*'], false],
    ['docker.io/library/python:3', ['python:*'], false],
    ['python:3.14', ['python:3.1?'], true],
    ['python:3.1', ['python:3.1?'], false],
    [`python:3@${digest}`, ['python:3'], false],
    [`python:3@${digest}`, ['python:3@*'], true],
    [`python@${digest}`, [`python@${digest}`], true],
    [`python@${digest}`, ['python@sha256:0a*'], true],
    [`python@${digest}`, ['python@sha256:0b*'], false],
    ['localhost/x', ['localhost/*'], true],
    ['localhost:5000/x', ['localhost/*'], false],
    ['localhost/x', ['*/x'], false],
    ['a/b/c', ['a/*/c'], true],
    ['a/b/c/d', ['a/*/c'], false],
    ['a/b/c/d', ['a/*/d'], true],
    ['a/d', ['a/*/d'], false],
    ['a/b1/c', ['a/b*/c'], true],
    ['a/b1/x/c', ['a/b*/c'], false],
    ['a/b/a/b', ['*/a/b'], true],
    ['agent:1', ['agent:?'], true],
    ['agent:12', ['agent:?'], false],
    ['agent:', ['agent:?'], false],
    ['b', ['a', 'b'], true],
    ['aab', ['a+b'], false],
    ['a', ['[a]', '(a)', 'a|b', '^a$', '\\a', 'a{1}'], false],
    ['ab', ['**a**b**'], true],
    ['axbxb', ['a*b'], true],
    ['alpine', ['Alpine'], false],
    ['Alpine', ['*'], false],
  ];
  for (const [image, allowed, verdict] of cases) {
    test(`${image} ${verdict ? 'is' : 'is not'} among ${JSON.stringify(allowed)}`, () => {
      assert.equal(isImageAllowed(image, allowed), verdict);
    });
  }

  test('takes no time over the worst of patterns', () => {
    const image = `${'a'.repeat(120)}/${'a/'.repeat(60)}b`;
    const before = process.cpuUsage();
    assert.equal(isImageAllowed(image, [`${'*a'.repeat(50)}c/*`, `${'*/a/'.repeat(50)}c`]), false);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 2_000_000);
  });

  test('matches each part like a regular expression', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 6 });
    const glob = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const image = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 8 });
    const asPattern = (g: string) =>
      g
        .split('/')
        .map((each) => (each === '*' ? '.+' : each.replaceAll('?', '[^/]').replaceAll(/\*+/g, '[^/]*')))
        .join('/');
    fc.assert(
      fc.property(glob, image, (g, i) => {
        const isReference = i.split('/').every((each) => each !== '');
        const expected = isReference && (/^\*+$/.test(g) || new RegExp(`^${asPattern(g)}$`).test(i));
        assert.equal(isImageAllowed(i, [g]), expected);
      }),
      { numRuns: 5000 },
    );
  });
});
