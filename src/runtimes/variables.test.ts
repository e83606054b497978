import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valuesOf } from './variables.ts';

test('line breaks at the end of a value, as in files with Windows line ends, do not belong to it', () => {
  const variables = [
    { name: 'KEY', value: undefined },
    { name: 'OWN', value: 'b\r\n' },
    { name: 'EMPTY', value: undefined },
  ];
  assert.deepEqual(valuesOf(variables, { KEY: 'a\r', EMPTY: '' }), { KEY: 'a', OWN: 'b', EMPTY: '' });
});

test('a value that is missing or has more than one line is refused, with the name only', () => {
  for (const value of [undefined, 'secret\nB=c', 'secret\rx', 'secret\0'])
    assert.throws(
      () => valuesOf([{ name: 'KEY', value: undefined }], { KEY: value }),
      (error: Error) => error.message.startsWith('cannot pass KEY to agents: ') && !error.message.includes('secret'),
    );
});
