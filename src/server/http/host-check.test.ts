import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpError } from './errors.ts';
import { createHostCheck } from './host-check.ts';

const refused = (error: unknown) => error instanceof HttpError && error.status === 421;

test('a server on loopback accepts loopback names and its public name', () => {
  const check = createHostCheck('127.0.0.1', 'https://plan42.test/base');
  for (const host of [
    '127.0.0.1:1',
    '127.9.9.9',
    'localhost',
    'LOCALHOST:80',
    '[::1]:80',
    'a.localhost',
    'plan42.test',
  ]) {
    assert.doesNotThrow(() => check({ host }), host);
  }
  const strange = [
    'evil.test',
    '127.0.0.1.evil.test',
    'localhost.evil.test',
    'plan42.test.evil',
    '192.168.0.1',
    'a:b',
    '',
  ];
  for (const host of strange) assert.throws(() => check({ host }), refused, host);
  assert.throws(() => check({}), refused);
});

test('a server that is not on loopback accepts any name', () => {
  assert.doesNotThrow(() => createHostCheck('0.0.0.0', undefined)({ host: 'whatever.test' }));
});
