import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suite, suiteCases } from '../../../test/support/sigv4/aws-suite.ts';
import { sha256Hex } from './canonical-request.ts';
import { isSignedBy, parseSignature } from './signature.ts';

for (const { name, method = 'GET', target, headers = {}, body = '', signature } of suiteCases) {
  test(`AWS's test suite: ${name}`, () => {
    const [path = '', query = ''] = target.split('?');
    const all = { host: ['example.amazonaws.com'], 'x-amz-date': [suite.amzDate], ...headers };
    const names = Object.keys(all).toSorted().join(';');
    const header = (value: string) =>
      `AWS4-HMAC-SHA256 Credential=${suite.credential}, SignedHeaders=${names}, Signature=${value}`;
    const signed = parseSignature(header(signature));
    assert.ok(signed);
    assert.deepEqual(
      [signed.accessKeyId, signed.date, signed.region, signed.service],
      ['AKIDEXAMPLE', '20150830', 'us-east-1', 'service'],
    );
    const request = { method, path, query, headers: new Map(Object.entries(all)) };
    const times = { amzDate: suite.amzDate, bodyHash: sha256Hex(body) };
    assert.ok(isSignedBy(suite.secret, signed, request, times));
    assert.ok(!isSignedBy(`${suite.secret}x`, signed, request, times), 'another secret');
    assert.ok(!isSignedBy(suite.secret, signed, { ...request, method: 'PUT' }, times), 'another method');
    assert.ok(!isSignedBy(suite.secret, signed, { ...request, path: `${path}x` }, times), 'another path');
    assert.ok(!isSignedBy(suite.secret, signed, { ...request, query: 'x=1' }, times), 'another query');
    assert.ok(!isSignedBy(suite.secret, signed, request, { ...times, amzDate: '20150830T123601Z' }), 'another time');
    assert.ok(!isSignedBy(suite.secret, signed, request, { ...times, bodyHash: sha256Hex('x') }), 'another body');
    for (const [header] of Object.entries(all)) {
      const changed = new Map(request.headers).set(header, ['other']);
      assert.ok(!isSignedBy(suite.secret, signed, { ...request, headers: changed }, times), `another ${header}`);
    }
    for (const scope of [{ region: 'eu-west-1' }, { service: 'sts' }, { date: '20150831' }]) {
      assert.ok(!isSignedBy(suite.secret, { ...signed, ...scope }, request, times), JSON.stringify(scope));
    }
  });
}

const good = `AWS4-HMAC-SHA256 Credential=${suite.credential}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;

const malformed: [name: string, from: string | RegExp, to: string][] = [
  ['another algorithm', 'AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'],
  ['a short scope', '/us-east-1', ''],
  ['a long scope', 'aws4_request', 'aws4_request/x'],
  ['another end of the scope', 'aws4_request', 'aws5_request'],
  ['no key', 'AKIDEXAMPLE', ''],
  ['a bad date', '20150830', '2015083'],
  ['unsorted headers', 'host;x-amz-date', 'x-amz-date;host'],
  ['a header twice', 'host;x-amz-date', 'host;host'],
  ['capitals', 'host;', 'Host;'],
  ['no headers', 'host;x-amz-date', ''],
  ['a short signature', /0$/, ''],
  ['capitals in the signature', /0$/, 'A'],
  ['more', /$/, ' x'],
];

for (const [name, from, to] of malformed) {
  test(`an Authorization header is not read: ${name}`, () => {
    assert.ok(parseSignature(good));
    assert.notEqual(good.replace(from, to), good);
    assert.equal(parseSignature(good.replace(from, to)), undefined);
  });
}
