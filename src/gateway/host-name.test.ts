import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHost, parseTarget, showTarget } from './host-name.ts';

test('every spelling of a name is the same name', () => {
  for (const text of ['example.com', 'EXAMPLE.com', 'example.com.', 'eXample.COM.', 'ｅxample.com', 'example。com'])
    assert.deepEqual(parseHost(text), { kind: 'name', text: 'example.com' }, text);
  for (const text of ['bücher.example', 'BÜCHER.example', 'xn--bcher-kva.example', 'XN--BCHER-KVA.EXAMPLE.'])
    assert.deepEqual(parseHost(text), { kind: 'name', text: 'xn--bcher-kva.example' }, text);
  // Cyrillic and Latin letters that look alike are two names.
  assert.notEqual(parseHost('аpple.com')?.text, parseHost('apple.com')?.text);
  assert.deepEqual(parseHost('localhost'), { kind: 'name', text: 'localhost' });
  assert.deepEqual(parseHost('_dmarc.example.com'), { kind: 'name', text: '_dmarc.example.com' });
});

test('every spelling of an address that resolvers accept is the same address', () => {
  const loopback = [
    ...['127.0.0.1', '127.1', '127.0.1', '0x7f.0.0.1', '0x7f000001', '2130706433', '017700000001', '0177.0.0.01'],
    ...['127.0.0.1.', '１２７.0.0.1', '127。0。0。1', '0X7F.1'],
  ];
  for (const text of loopback) assert.equal(parseHost(text)?.text, '127.0.0.1', text);
  for (const text of loopback) assert.equal(parseHost(text)?.kind, 'address', text);
  assert.equal(parseHost('0xa9fea9fe')?.text, '169.254.169.254');
  assert.equal(parseHost('2852039166')?.text, '169.254.169.254');
  for (const text of ['::1', '[::1]', '0:0:0:0:0:0:0:1', '[0000:0000::0001]'])
    assert.equal(parseHost(text)?.text, '::1', text);
  for (const text of ['::ffff:127.0.0.1', '[::ffff:7f00:1]', '0:0:0:0:0:FFFF:127.0.0.1'])
    assert.equal(parseHost(text)?.text, '::ffff:7f00:1', text);
});

test('what is neither a name nor an address is rejected', () => {
  const texts = [
    ...[
      '',
      '.',
      '..',
      'a..b',
      '.a',
      '-',
      'a b',
      'a\tb',
      'a\nb',
      'a\0b',
      'a%2eb',
      '%31%32%37.0.0.1',
      'a/b',
      'a\\b',
      'a?b',
    ],
    ...['a#b', 'a@b', 'user:pass@a', 'a:1', 'a:', '[a]', '[::1', '::1]', '[::1]x', 'fe80::1%eth0', '[fe80::1%25eth0]'],
    ...[
      '256.256.256.256',
      '1.2.3.4.5',
      '0x1ffffffff',
      '1.2.3.0x100',
      '1e3.1',
      'a*',
      '*',
      '*.a',
      'a"b',
      "a'b",
      'a,b',
      'a;b',
    ],
    ...[
      'a\u00adb..c',
      '\u200b',
      'a\u202eb',
      'xn--',
      'xn--\u0080',
      'a..',
      `${'a'.repeat(64)}.b`,
      `${'a.'.repeat(127)}ab`,
    ],
    ...['a'.repeat(2000), '-a.b', 'a-.b'],
  ];
  for (const text of texts) assert.equal(parseHost(text), undefined, JSON.stringify(text));
});

test('targets have a port, and addresses of IPv6 brackets', () => {
  const show = (text: string, port?: number) => {
    const target = parseTarget(text, port);
    return target && showTarget(target);
  };
  assert.equal(show('Example.com.:443'), 'example.com:443');
  assert.equal(show('[::1]:80'), '[::1]:80');
  assert.equal(show('example.com', 80), 'example.com:80');
  for (const text of [
    'example.com',
    'example.com:',
    'example.com:0',
    'example.com:65536',
    'example.com:443:443',
    ':443',
  ])
    assert.equal(show(text), undefined, text);
  for (const text of ['example.com:4 43', 'example.com:+443', 'example.com:0x1bb', '::1:443', 'a:443/', 'http://a:443'])
    assert.equal(show(text), undefined, text);
});
