import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isImageAllowed } from './image-policy.ts';

describe('the image policy', () => {
  const cases: [image: string, allowed: string[], verdict: boolean][] = [
    ['alpine', ['*'], true],
    ['alpine', [], false],
    ['alpine', [''], false],
    ['alpine', ['alpine'], true],
    ['alpine:3', ['alpine'], false],
    ['alpine', ['alpine*'], true],
    ['xalpine', ['alpine*'], false],
    ['ghcr.io/org/agent:1', ['ghcr.io/org/*'], true],
    ['ghcr.io/other/agent:1', ['ghcr.io/org/*'], false],
    ['evil.io/ghcr.io/org/agent', ['ghcr.io/org/*'], false],
    ['ghcrxio/org/agent', ['ghcr.io/org/*'], false],
    ['a/b/c', ['a/*/c'], true],
    ['a/b/c/d', ['a/*/c'], false],
    ['a/b/c/d', ['a/*/d'], true],
    ['agent:1', ['agent:?'], true],
    ['agent:12', ['agent:?'], false],
    ['agent:', ['agent:?'], false],
    ['b', ['a', 'b'], true],
    ['a+b', ['a+b'], true],
    ['aab', ['a+b'], false],
    ['a', ['[a]', '(a)', 'a|b', '^a$', '\\a', 'a{1}'], false],
    ['ab', ['**a**b**'], true],
    ['aXbXb', ['a*b'], true],
    ['Alpine', ['alpine'], false],
  ];
  for (const [image, allowed, verdict] of cases) {
    test(`${image} ${verdict ? 'is' : 'is not'} among ${JSON.stringify(allowed)}`, () => {
      assert.equal(isImageAllowed(image, allowed), verdict);
    });
  }

  test('takes no time over the worst of globs', () => {
    const start = performance.now();
    assert.equal(isImageAllowed(`${'a-'.repeat(400)}b`, [`${'*a*-'.repeat(50)}c`]), false);
    assert.ok(performance.now() - start < 5000);
  });

  test('is what the same glob as a regular expression says', () => {
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const image = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(glob, image, (g, i) => {
        const expected = new RegExp(`^${g.replaceAll('?', '.').replaceAll(/\*+/g, '.*')}$`).test(i);
        assert.equal(isImageAllowed(i, [g]), expected);
      }),
      { numRuns: 2000 },
    );
  });
});
