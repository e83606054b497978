import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, parseEntry } from './entries.ts';
import { showBlock } from './ip-address.ts';
import { presets } from './presets.ts';

const show = (text: string) =>
  parseEntry(text).map((entry) =>
    [entry.kind === 'host' ? entry.host : showBlock(entry.block), ...entry.ports].join(' '),
  );

test('an entry is a host, a wildcard, an address or a block, with a port or the default ones', () => {
  assert.deepEqual(show('Example.COM.'), ['example.com 443 80']);
  assert.deepEqual(show('*.Bücher.example'), ['*.xn--bcher-kva.example 443 80']);
  assert.deepEqual(show('example.com:8443'), ['example.com 8443']);
  assert.deepEqual(show('*.example.com:22'), ['*.example.com 22']);
  assert.deepEqual(show('*'), ['* 443 80']);
  assert.deepEqual(show('10.0.0.0/8'), ['10.0.0.0/8 443 80']);
  assert.deepEqual(show('10.1.2.3:5432'), ['10.1.2.3/32 5432']);
  assert.deepEqual(show('fd00::/8'), ['fd00::/8 443 80']);
  assert.deepEqual(show('[fd00::1]:8080'), ['fd00::1/128 8080']);
  assert.deepEqual(show('::1'), ['::1/128 443 80']);
});

test('an entry that is not understood is rejected with the reason', () => {
  const reasons: Record<string, RegExp> = {
    '': /is empty/,
    ' ': /is empty/,
    'https://example.com/x': /is a URL; write "example\.com"/,
    'example.com/x': /has a path/,
    '10.0.0.1/8': /bits set beyond its prefix; write "10\.0\.0\.0\/8"/,
    'fd00::1/16': /write "fd00::\/16"/,
    pipy: /is not a preset; write "pypi", or "pipy\." for a host of this name/,
    pip: /write "pypi"/,
    NPM: /write "npm"/,
    'npm:8443': /is a preset with a port, .* write "npm", or "npm\.:8443"/,
    '10.0.0.0/33': /prefix is longer than 32/,
    '127.1': /unusual form of an address; write "127\.0\.0\.1"/,
    '0x7f000001': /write "127\.0\.0\.1"/,
    '*.127.0.0.1': /unusual form/,
    'exa*mple.com': /has a \*/,
    '**.example.com': /has a \*/,
    '*.*.com': /has a \*/,
    '*example.com': /has a \*/,
    'example.com:0': /invalid port/,
    'example.com:99999': /invalid port/,
    'example.com:443,80': /invalid port/,
    'exa mple.com': /is not a host/,
    'a@b.com': /is not a host/,
    '[::1': /is not a host/,
  };
  for (const [text, reason] of Object.entries(reasons))
    assert.throws(() => parseEntry(text), { name: 'InvalidEntry', message: reason }, JSON.stringify(text));
});

test('every preset is made of valid hosts', () => {
  for (const [name, { hosts }] of Object.entries(presets)) {
    const entries = parseEntry(name);
    assert.deepEqual(
      entries.map((entry) => entry.kind === 'host' && entry.host),
      hosts,
      name,
    );
    assert.ok(entries.every(({ text }) => text.endsWith(`of the preset ${name}`)));
  }
  // A host of the same name can still be written.
  assert.deepEqual(show('npm.'), ['npm 443 80']);
  assert.deepEqual(show('npm.:8443'), ['npm 8443']);
  assert.deepEqual(show('constructor'), ['constructor 443 80']);
  assert.deepEqual(show('registry:5000'), ['registry 5000']);
});

test('a wildcard covers the names below it, not itself, and not names that only end alike', () => {
  const cases: [string, string, boolean][] = [
    ['*', 'a.b', true],
    ['*', '*.b', true],
    ['a.b', 'a.b', true],
    ['a.b', 'c.a.b', false],
    ['*.a.b', 'c.a.b', true],
    ['*.a.b', 'd.c.a.b', true],
    ['*.a.b', 'a.b', false],
    ['*.a.b', 'xa.b', false],
    ['*.a.b', '*.a.b', true],
    ['*.a.b', '*.c.a.b', true],
    ['*.c.a.b', '*.a.b', false],
    ['*.a.b', '*', false],
    ['*.a.b', '*.xa.b', false],
    ['a.b', '*.a.b', false],
    ['a.b', '*', false],
  ];
  for (const [outer, inner, expected] of cases) assert.equal(covers(outer, inner), expected, `${outer} ${inner}`);
});
