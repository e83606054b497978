import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasLink } from './link-header.ts';

for (const header of [
  '<https://x/?page=2>; rel="next"',
  '<https://x/?page=2>;rel=next',
  '<https://x>; REL=next',
  '<https://x>; rel="NEXT"',
  '<https://x>; rel="last next"',
  '<a>; rel="prev", <b>; rel="next", <c>; rel="last"',
  '<a,b;c>; title="a, \\"b\\"; rel=prev" ; rel = "next"',
  '<a>; crossorigin; rel=next',
]) {
  test(`${header} has a next page`, () => assert.ok(hasLink(header, 'next')));
}

for (const header of [
  '',
  '<https://x/;rel=next>; rel="prev"',
  '<https://x/?a=%3B;rel="next">; rel=last',
  '<https://x>; rel="prev"; title="rel=next"',
  '<https://x>; rel="prev"; rel="next"',
  '<https://x>; rel="next-archive"',
  '<https://x>; xrel="next"',
  'rel="next"',
]) {
  test(`${header || 'nothing'} has none`, () => assert.ok(!hasLink(header, 'next')));
}

test('an endless header takes no time', () => {
  const startedAt = performance.now();
  for (const part of ['<', '; ', ';a', ';a="', '<a>; rel', ' ;', '<a>;a=b ']) hasLink(part.repeat(10_000), 'next');
  assert.ok(performance.now() - startedAt < 2000);
});
