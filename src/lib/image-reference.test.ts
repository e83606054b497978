import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InvalidImageError, parseImageReference } from './image-reference.ts';

const hex = 'a'.repeat(64);
const none = { registry: undefined, port: undefined, tag: undefined, digest: undefined };

describe('image references', () => {
  const good: [string, object][] = [
    ['alpine', { repository: 'alpine' }],
    ['library/alpine', { repository: 'library/alpine' }],
    ['alpine:3.20', { repository: 'alpine', tag: '3.20' }],
    ['alpine:_X.y-Z', { repository: 'alpine', tag: '_X.y-Z' }],
    [`alpine:${'t'.repeat(128)}`, { repository: 'alpine', tag: 't'.repeat(128) }],
    [`alpine@sha256:${hex}`, { repository: 'alpine', digest: `sha256:${hex}` }],
    [`alpine:3@sha256:${hex}`, { repository: 'alpine', tag: '3', digest: `sha256:${hex}` }],
    ['ghcr.io/org/agent:1', { registry: 'ghcr.io', repository: 'org/agent', tag: '1' }],
    ['localhost/agent', { registry: 'localhost', repository: 'agent' }],
    ['localhost:5000/agent', { registry: 'localhost', port: 5000, repository: 'agent' }],
    ['host:1/agent', { registry: 'host', port: 1, repository: 'agent' }],
    ['host:65535/agent:x', { registry: 'host', port: 65_535, repository: 'agent', tag: 'x' }],
    ['10.0.0.1:5000/a/b/c', { registry: '10.0.0.1', port: 5000, repository: 'a/b/c' }],
    ['Registry.Example.COM/agent', { registry: 'Registry.Example.COM', repository: 'agent' }],
    [`${'l'.repeat(63)}.io/agent`, { registry: `${'l'.repeat(63)}.io`, repository: 'agent' }],
    ['x--y.io/agent', { registry: 'x--y.io', repository: 'agent' }],
    ['a.b_c__d-e---f/0', { registry: undefined, repository: 'a.b_c__d-e---f/0' }],
    ['localhostx/agent', { repository: 'localhostx/agent' }],
    ['r'.repeat(255), { repository: 'r'.repeat(255) }],
  ];
  for (const [text, parts] of good) {
    // The first component has a point: by the rule it is a registry, and not a good one.
    if (text.startsWith('a.b_c')) continue;
    test(text.slice(0, 60), () => assert.deepEqual(parseImageReference(text), { ...none, ...parts }));
  }
  test('components may have single separators and runs of dashes', () => {
    assert.equal(parseImageReference('org/a.b_c__d-e---f').repository, 'org/a.b_c__d-e---f');
    assert.equal(parseImageReference('a_b__c--d.e').repository, 'a_b__c--d.e');
  });
});

describe('invalid image references name the part', () => {
  const bad: [string, part: string, value: string][] = [
    ['', 'repository', ''],
    [' ', 'repository', ' '],
    ['Alpine', 'repository', 'Alpine'],
    ['-alpine', 'repository', '-alpine'],
    ['--privileged', 'repository', '--privileged'],
    ['alpine-', 'repository', 'alpine-'],
    ['a..b', 'repository', 'a..b'],
    ['a___b', 'repository', 'a___b'],
    ['a._b', 'repository', 'a._b'],
    ['a//b', 'repository', 'a//b'],
    ['/a', 'repository', '/a'],
    ['a/', 'repository', 'a/'],
    ['ghcr.io/', 'repository', ''],
    ['ghcr.io/../etc', 'repository', '../etc'],
    ['org/../etc', 'repository', 'org/../etc'],
    ['a b', 'repository', 'a b'],
    ['a\nb', 'repository', 'a\nb'],
    ['alpine\n', 'repository', 'alpine\n'],
    ['alpiné', 'repository', 'alpiné'],
    ['r'.repeat(256), 'repository', 'r'.repeat(256)],
    ['https://ghcr.io/a', 'port', ''],
    ['alpine:', 'tag', ''],
    ['alpine:latest extra text', 'tag', 'latest extra text'],
    ['alpine:latest\n', 'tag', 'latest\n'],
    ['alpine:.x', 'tag', '.x'],
    ['alpine:-x', 'tag', '-x'],
    ['alpine:a:b', 'tag', 'a:b'],
    ['org/alpine:a/b', 'tag', 'a/b'],
    [`alpine:${'t'.repeat(129)}`, 'tag', 't'.repeat(129)],
    ['host:0/a', 'port', '0'],
    ['host:080/a', 'port', '080'],
    ['host:65536/a', 'port', '65536'],
    ['host:100000/a', 'port', '100000'],
    ['host:x/a', 'port', 'x'],
    ['host:/a', 'port', ''],
    ['host:+1/a', 'port', '+1'],
    ['-host.io/a', 'registry', '-host.io'],
    ['host-.io/a', 'registry', 'host-.io'],
    ['host..io/a', 'registry', 'host..io'],
    ['.io/a', 'registry', '.io'],
    ['host_x.io/a', 'registry', 'host_x.io'],
    [`${'l'.repeat(64)}.io/a`, 'registry', `${'l'.repeat(64)}.io`],
    ['a.b_c/0', 'registry', 'a.b_c'],
    ['[::1]:5000/a', 'registry', '['],
    ['alpine@', 'digest', ''],
    ['alpine@sha256:', 'digest', 'sha256:'],
    [`alpine@sha256:${hex.slice(1)}`, 'digest', `sha256:${hex.slice(1)}`],
    [`alpine@sha256:${hex}a`, 'digest', `sha256:${hex}a`],
    [`alpine@sha256:${'g'.repeat(64)}`, 'digest', `sha256:${'g'.repeat(64)}`],
    [`alpine@sha512:${hex}`, 'digest', `sha512:${hex}`],
    [`alpine@${hex}`, 'digest', hex],
    [`alpine@sha256:${hex}@sha256:${hex}`, 'digest', `sha256:${hex}@sha256:${hex}`],
  ];
  for (const [text, part, value] of bad) {
    test(JSON.stringify(text).slice(0, 60), () => {
      assert.throws(
        () => parseImageReference(text),
        (error: unknown) => {
          assert.ok(error instanceof InvalidImageError);
          assert.equal(error.message, `invalid ${part}: '${value}'`);
          return true;
        },
      );
    });
  }
});

test('any text is judged at once, and nothing that is good can be taken for an option or several words', () => {
  const character = fc.constantFrom(...'aaab0-_.:/@ A\n');
  const texts = fc.oneof(
    fc.string({ unit: character, maxLength: 400 }),
    fc.string(),
    fc.tuple(fc.string({ unit: character, minLength: 1, maxLength: 3 }), fc.nat(50_000)).map(([s, n]) => s.repeat(n)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const start = performance.now();
      try {
        parseImageReference(text);
        assert.match(text, /^[A-Za-z0-9][\w.:/@-]*$/);
      } catch (error) {
        if (!(error instanceof InvalidImageError)) throw error;
      }
      assert.ok(performance.now() - start < 2000);
    }),
    { numRuns: 500 },
  );
});
