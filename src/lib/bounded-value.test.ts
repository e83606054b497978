import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryBounds } from './bounded-value.ts';

const bound = (value: unknown) => new EntryBounds().bound(value);

test('values are what JSON makes of them', () => {
  const value = {
    a: [1, 'x', null, undefined, true],
    b: undefined,
    d: new Date(0),
    n: Number.NaN,
    u: new URL('http://a'),
  };
  assert.deepEqual(JSON.parse(JSON.stringify(bound(value))), JSON.parse(JSON.stringify(value)));
  assert.equal(bound(12n), '12');
  assert.equal(bound(new Error('a', { cause: new Error('b') })), 'a: b');
});

test('a long text is cut, with the number of bytes left out', () => {
  const text = bound('é'.repeat(10_000));
  assert.equal(text, `${'é'.repeat(4096)}… [${2 * (10_000 - 4096)} bytes left out]`);
  assert.equal(bound('é'.repeat(4096)), 'é'.repeat(4096));
});

test('one entry is bounded, whatever it contains', () => {
  let deep: unknown = 'x';
  for (let n = 0; n < 100_000; n++) deep = n % 2 ? [deep] : { deep };
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const wide = Array.from({ length: 1000 }, () => 'w'.repeat(1000));
  const names = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`${n}`.repeat(3000), n]));
  for (const value of [deep, cyclic, wide, names, [wide, wide], { ...names, wide }]) {
    assert.ok(JSON.stringify(bound(value)).length < 20_000);
  }
  assert.match(JSON.stringify(bound(wide)), /950 items left out/);
  assert.match(JSON.stringify(bound(deep)), /nested too deeply/);
});

test('a secret is redacted where the text is cut', () => {
  const text = `${'a '.repeat(2040)}ghp_${'G'.repeat(5000)}`;
  assert.doesNotMatch(String(bound(text)), /GG/);
});

test('a private key is redacted that is split into lines', () => {
  const lines = ['a', '-----BEGIN PRIVATE KEY-----', 'KKKK', 'KKKK', '-----END PRIVATE KEY-----', 'b'];
  assert.deepEqual(bound(lines), ['a', '[redacted]', '[redacted]', '[redacted]', '[redacted]', 'b']);
  const bounds = new EntryBounds();
  bounds.bound(lines.slice(0, 2).join('\n'));
  assert.equal(bounds.bound('KKKK'), '[redacted]');
});
