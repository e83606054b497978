import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidValue } from './kinds.ts';
import { variables } from './variables.ts';

test('a variable has a value, or is passed on', () => {
  assert.deepEqual(variables.fromToml(['A=b=c ', 'B', 'C=']), [
    { name: 'A', value: 'b=c ' },
    { name: 'B', value: undefined },
    { name: 'C', value: '' },
  ]);
  assert.deepEqual(variables.fromText('["A=1,2"]'), [{ name: 'A', value: '1,2' }]);
});

test('no error contains a value', () => {
  for (const [list, reason] of [
    [['A=1', '=secret'], /item 2 is not "NAME=value"/],
    [['secret value'], /item 1/],
    [['A B=secret'], /item 1/],
    [['PLAN42_URL=secret'], /PLAN42_URL, which only the runner may set/],
    [['PLAN42_RUNNER_TOKEN'], /PLAN42_RUNNER_TOKEN, which only/],
    [['A=secret\nX=y'], /A, whose value has more than one line/],
    [['A=secret', 'A=secret2'], /A twice/],
  ] as const)
    assert.throws(
      () => variables.fromToml(list),
      (error: unknown) => {
        assert.ok(error instanceof InvalidValue);
        assert.match(error.message, reason);
        assert.ok(!error.message.includes('secret'), error.message);
        return true;
      },
    );
});
