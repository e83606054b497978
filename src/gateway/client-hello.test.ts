import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientHello,
  helloMessage,
  realClientHello,
  record,
  serverNameExtension,
} from '../../test/support/client-hello.ts';
import { maxHelloBytes, readClientHello as readHello, readSecondHello } from './client-hello.ts';

/** Without its length. */
function readClientHello(bytes: Buffer) {
  const { length: _, ...result } = { length: 0, ...readHello(bytes) };
  return result;
}

const named = (serverName: string | undefined) => ({ kind: 'hello', serverName });

test('the name of a real client is found, however its bytes arrive', async () => {
  const bytes = await realClientHello('registry.npmjs.org');
  assert.deepEqual(readClientHello(bytes), named('registry.npmjs.org'));
  for (let length = 0; length < bytes.length; length++)
    assert.deepEqual(readClientHello(bytes.subarray(0, length)), { kind: 'incomplete' }, String(length));
  // Early data and the like follow in records of their own.
  assert.deepEqual(readClientHello(Buffer.concat([bytes, record(Buffer.from('x'), 23)])), named('registry.npmjs.org'));
});

test('a ClientHello in several records is read as one', () => {
  const message = helloMessage(serverNameExtension('a.example'));
  for (const size of [1, 2, 3, 4, 5, 50]) {
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)));
    if (records.length <= 64)
      assert.deepEqual(readClientHello(Buffer.concat(records)), named('a.example'), String(size));
    else assert.equal(readClientHello(Buffer.concat(records)).kind, 'invalid', String(size));
  }
});

test('a ClientHello without a name has none', () => {
  assert.deepEqual(readClientHello(clientHello()), named(undefined));
  assert.deepEqual(readClientHello(record(helloMessage(Buffer.from([0, 23, 0, 0])))), named(undefined));
});

test('TLS that hides something is invalid, and the rest is not TLS', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'SSH-2.0-x',
    '\u0005\u0001\0',
    '\u0016\u0002\u0001',
    '\u0080\u002e\u0001\u0003\u0001',
  ])
    assert.deepEqual(readClientHello(Buffer.from(text, 'latin1')), { kind: 'not-tls' }, JSON.stringify(text));
  const name = serverNameExtension('a.example');
  const message = helloMessage(name);
  const tail = Buffer.from([0]);
  const invalid: Record<string, Buffer> = {
    'two names': clientHello('a.example', 'b.example'),
    'two extensions': record(helloMessage(name, serverNameExtension('b.example'))),
    'an extension twice': record(helloMessage(name, Buffer.from([0, 23, 0, 0]), Buffer.from([0, 23, 0, 0]))),
    'an empty name': clientHello(''),
    'a name with a zero byte': clientHello('a.example\0.b.example'),
    'a name with a space': clientHello('a .example'),
    'a name beyond ASCII': clientHello('\u00e9.example'),
    'a name of another type': record(helloMessage(Buffer.from([0, 0, 0, 6, 0, 4, 1, 0, 1, 97]))),
    'bytes after the name': record(helloMessage(Buffer.from([0, 0, 0, 7, 0, 4, 0, 0, 1, 97, 0]))),
    'bytes after the extensions': record(
      Buffer.concat([message.subarray(0, 3), Buffer.from([(message[3] ?? 0) + 1]), message.subarray(4), tail]),
    ),
    'another message in its record': record(Buffer.concat([message, message])),
    'an alert before it is complete': Buffer.concat([record(message.subarray(0, 9)), record(Buffer.from([1, 0]), 21)]),
    'another first message': record(Buffer.from([2, 0, 0, 1, 0])),
    'an empty record': Buffer.concat([record(Buffer.alloc(0)), record(message)]),
    'a record that is too long': Buffer.from([22, 3, 1, 0xff, 0xff]),
    'a message that is too long': record(Buffer.from([1, 0xff, 0xff, 0xff])),
    'an extension that is cut': record(helloMessage(Buffer.from([0, 0, 0, 9, 0, 4]))),
    'records of another version': Buffer.concat([record(message.subarray(0, 9)), Buffer.from([22, 2, 1, 0, 1, 0])]),
  };
  for (const [what, bytes] of Object.entries(invalid)) assert.equal(readClientHello(bytes).kind, 'invalid', what);
});

test('a client cannot keep the reader waiting with ever more bytes', () => {
  const long = record(Buffer.concat([Buffer.from([1, 0, 0xff, 0xf0]), Buffer.alloc(16_000)]));
  const bytes = Buffer.concat([long, ...Array.from({ length: 4 }, () => record(Buffer.alloc(16_384)))]);
  assert.ok(bytes.length > maxHelloBytes);
  assert.equal(readClientHello(bytes).kind, 'invalid');
});

test('a second ClientHello is found after what servers ignore, and its end too', () => {
  const ignored = Buffer.concat([record(Buffer.from([1]), 20), record(Buffer.alloc(500), 23)]);
  const bytes = Buffer.concat([ignored, clientHello('a.example')]);
  const found = { kind: 'hello', serverName: 'a.example', length: bytes.length };
  for (let length = 0; length < bytes.length; length += 1)
    assert.deepEqual(readSecondHello(bytes.subarray(0, length)), { kind: 'incomplete' }, String(length));
  assert.deepEqual(readSecondHello(bytes), found);
  assert.deepEqual(readSecondHello(Buffer.concat([bytes, ignored])), found);
  assert.deepEqual(readSecondHello(Buffer.concat([ignored, record(Buffer.from([2, 40]), 21)])), { kind: 'not-tls' });
  const early = Array.from({ length: 5 }, () => record(Buffer.alloc(16_384), 23));
  assert.equal(readSecondHello(Buffer.concat(early)).kind, 'invalid');
});
