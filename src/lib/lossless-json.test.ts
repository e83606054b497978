import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonError } from './json.ts';
import { parseLossless } from './lossless-json.ts';

test('every number round-trips', () => {
  const digits = fc.stringMatching(/^[1-9][0-9]{0,30}$/);
  const literal = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(digits, fc.constant('0')),
      fc.stringMatching(/^(\.[0-9]{1,30})?$/),
      fc.stringMatching(/^([eE][+-]?[0-9]{1,3})?$/),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(literal), (literals) => {
      const text = `{"a":[${literals.join(',')}],"b":{"c":${literals[0] ?? '0'}}}`;
      assert.equal(JSON.stringify(parseLossless(text)), text);
    }),
    { numRuns: 500 },
  );
});

test('everything else is parsed as usual', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(JSON.stringify(parseLossless(text)), JSON.stringify(JSON.parse(text)));
    }),
  );
  for (const text of ['{"__proto__":{"a":1}}', '""', 'null', '[[],{}]']) {
    assert.equal(JSON.stringify(parseLossless(text)), text);
  }
  assert.deepEqual(parseLossless('{"n": 5, "s": "x"}'), { n: 5, s: 'x' });
  assert.throws(() => parseLossless('{"a": 01}'), JsonError);
});
