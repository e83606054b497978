import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { boolean, duration, hostPort, InvalidValue, number, serverUrl, word } from './kinds.ts';

describe('durations', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['0s', 0],
  ] as const) {
    test(`"${text}"`, () => assert.equal(duration().fromToml(text), ms));
  }
  for (const text of [
    '',
    '30',
    's',
    '-1s',
    '1 s',
    '1S',
    '1w',
    '1s ',
    '1e3s',
    '.5s',
    '1h30',
    'Infinitys',
    '9'.repeat(40),
  ]) {
    test(`not "${text}"`, () => assert.throws(() => duration().fromToml(text), InvalidValue));
  }
  test('not a number, nor longer than a timer can wait', () => {
    assert.throws(() => duration().fromToml(30), InvalidValue);
    assert.throws(() => duration().fromToml('25d'), InvalidValue);
    assert.throws(() => duration({ maxMs: 1000 }).fromToml('1001ms'), InvalidValue);
  });
  test('of several parts are added', () => {
    const amounts = fc.tuple(fc.nat(20), fc.nat(50), fc.nat(50));
    fc.assert(
      fc.property(amounts, ([d, h, s]) => {
        assert.equal(duration({ maxMs: 1e12 }).fromText(`${d}d${h}h${s}s`), ((d * 24 + h) * 3600 + s) * 1000);
      }),
    );
  });
});

describe('server URLs', () => {
  for (const url of [
    'https://api.example.com',
    'https://api.example.com:8443/prefix/',
    'http://localhost:8000',
    'http://127.0.0.1',
    'http://127.1.2.3:1',
    'http://[::1]:8000',
    'HTTPS://API.EXAMPLE.COM',
  ]) {
    test(`"${url}"`, () => assert.ok(serverUrl.fromToml(url) instanceof URL));
  }
  for (const url of [
    '',
    'api.example.com',
    '/path',
    'http://api.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://[::2]',
    'http://10.0.0.1',
    'ftp://localhost',
    'file:///etc/passwd',
    'https://',
    'https://user@example.com',
    'https://:password@example.com',
    'https://example.com/?query',
    'https://example.com/#hash',
  ]) {
    test(`not "${url}"`, () => assert.throws(() => serverUrl.fromToml(url), InvalidValue));
  }
});

describe('addresses', () => {
  test('have a host and a port', () => {
    assert.deepEqual(hostPort.fromToml('127.0.0.1:9142'), { host: '127.0.0.1', port: 9142 });
    assert.deepEqual(hostPort.fromToml('[fe80::1]:0'), { host: 'fe80::1', port: 0 });
  });
  for (const text of ['', ':1', 'host', 'host:', 'host:x', 'host:65536', 'host:-1', '::1:80', 'a b:1', 'host:1 ']) {
    test(`not "${text}"`, () => assert.throws(() => hostPort.fromToml(text), InvalidValue));
  }
});

test('booleans are booleans in the file, and words elsewhere', () => {
  for (const text of ['true', 'TRUE', '1', 'yes', 'on']) assert.equal(boolean.fromText(text), true);
  for (const text of ['false', 'False', '0', 'no', 'off']) assert.equal(boolean.fromText(text), false);
  for (const text of ['', 'truely', '2', 'y']) assert.throws(() => boolean.fromText(text), InvalidValue);
  for (const value of ['true', 1, 0, null]) assert.throws(() => boolean.fromToml(value), InvalidValue);
});

test('a word has no white space', () => {
  assert.equal(word.fromText('/Plan42'), '/Plan42');
  for (const text of ['', ' ', 'a b', 'a\n']) assert.throws(() => word.fromText(text), InvalidValue);
});

test('a number may have grouped digits, as in the file', () => {
  const kind = number(0, 1e9);
  assert.equal(kind.fromText('20_000_000'), 20_000_000);
  for (const text of ['_1', '1_', '1__0', '1_a']) assert.throws(() => kind.fromText(text), InvalidValue);
});
