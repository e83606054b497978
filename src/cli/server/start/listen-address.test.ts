import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';

describe('parseListenAddress', () => {
  it('reads host and port', () => {
    assert.deepEqual(parseListenAddress('127.0.0.1:7042'), { host: '127.0.0.1', port: 7042 });
    assert.deepEqual(parseListenAddress('localhost:0'), { host: 'localhost', port: 0 });
    assert.deepEqual(parseListenAddress('[::1]:65535'), { host: '::1', port: 65_535 });
    assert.deepEqual(parseListenAddress('8080'), { host: '127.0.0.1', port: 8080 });
  });

  it('rejects everything else', () => {
    for (const text of [
      '',
      ':',
      'localhost',
      'localhost:',
      ':7042',
      '::1:7042',
      '[::1]',
      '[1.2.3.4]:1',
      'a b:1',
      'h:65536',
      'h:-1',
    ]) {
      assert.throws(() => parseListenAddress(text), /It must be host:port/, text);
    }
  });
});

it('formatListenAddress puts IPv6 addresses into brackets', () => {
  assert.equal(formatListenAddress({ host: '::1', port: 1 }), '[::1]:1');
  assert.equal(formatListenAddress({ host: 'localhost', port: 1 }), 'localhost:1');
});
