/** Requests as Go's HTTP client and AWS's signer for Go wrote them, in the form of `p42-ctl`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { hasSessionToken, isIdentityOf, parseCallerIdentity, signedAt } from './caller-identity.ts';
import { type EmbeddedRequest, parseEmbeddedRequest } from './embedded-request.ts';
import { requestHashes } from './request-hash.ts';

const file = new URL('../../../test/support/sigv4/go-requests.json', import.meta.url);
const recorded = JSON.parse(readFileSync(file, 'utf8')) as { name: string; raw: string }[];
const secret = 'p42s_not-a-secret-but-a-test';
const host = '127.0.0.1:7042';

function read(raw: string): { request: EmbeddedRequest; credential: string } {
  const request = parseEmbeddedRequest(Buffer.from(raw));
  assert.ok(request);
  const [scheme, credential = ''] = (request.headers.get('authorization')?.[0] ?? '').split(' ');
  assert.equal(scheme, 'sts:GetCallerIdentity');
  return { request, credential };
}

for (const { name, raw } of recorded) {
  describe(`recorded: ${name}`, () => {
    const { request, credential } = read(raw);
    const identity = parseCallerIdentity(credential);
    assert.ok(identity);
    const hashes = (changes: Partial<EmbeddedRequest>, at = host) => {
      const changed = { ...request, ...changes };
      return requestHashes(changed, at, changed.body);
    };
    const accepts = (found: string[]) => found.includes(identity.requestHash);

    test('is verified', () => {
      assert.equal(identity.signed.accessKeyId, 'P42KAAAABBBBCCCCDDDD');
      assert.equal(signedAt(identity).toISOString(), '2026-11-28T12:34:56.000Z');
      assert.equal(hasSessionToken(identity), false);
      assert.ok(isIdentityOf(secret, identity));
      assert.ok(!isIdentityOf(`${secret}x`, identity));
      assert.ok(accepts(hashes({})));
    });

    test('is bound to the request', () => {
      assert.ok(!accepts(hashes({ method: 'DELETE' })));
      assert.ok(!accepts(hashes({ path: `${request.path}/x` })));
      assert.ok(!accepts(hashes({ query: `${request.query}&x=1` })));
      assert.ok(!accepts(hashes({ body: Buffer.from('{}') })));
      assert.ok(!accepts(hashes({}, 'other.example')));
      for (const header of ['content-type', 'if-match', 'last-event-id', 'accept']) {
        const headers = new Map(request.headers).set(header, ['7']);
        assert.ok(!accepts(hashes({ headers })), header);
      }
      const headers = new Map(request.headers);
      headers.delete('x-event-horizon-signed-headers');
      assert.deepEqual(hashes({ headers }), []);
    });

    test('may pass a proxy that adds headers', () => {
      const headers = new Map(request.headers).set('x-forwarded-for', ['10.0.0.1']).set('user-agent', ['proxy']);
      assert.ok(accepts(hashes({ headers })));
    });

    test('is not verified with any other byte in what is signed', () => {
      const bytes = Buffer.from(credential, 'base64');
      const expected = [identity.requestHash, identity.amzDate, identity.signed];
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const other = parseCallerIdentity(changed.toString('base64'));
        // Another key has another secret.
        if (other?.signed.accessKeyId !== identity.signed.accessKeyId || !isIdentityOf(secret, other)) continue;
        // An unsigned header, such as that of the program.
        assert.deepEqual([other.requestHash, other.amzDate, other.signed], expected);
      }
    });
  });
}

const [first] = recorded;
assert.ok(first);
const inner = Buffer.from(read(first.raw).credential, 'base64').toString();

const malformed: [name: string, from: string | RegExp, to: string][] = [
  ['a GET', 'POST /', 'GET /'],
  ['another path', 'POST /', 'POST /x'],
  ['a query', 'POST /', 'POST /?Action=x'],
  ['HTTP/1.0', 'HTTP/1.1', 'HTTP/1.0'],
  ['another action', 'GetCallerIdentity', 'AssumeRole'],
  ['another host', 'Host: sts.', 'Host: s3.'],
  ['the host of another region', 'Host: sts.plan42.', 'Host: sts.us-east-1.'],
  ['another service', '/sts/', '/s3/'],
  ['a day that is not of the scope', 'X-Amz-Date: 20261128', 'X-Amz-Date: 20261129'],
  ['no signature', /Authorization: .*\r\n/, ''],
  ['two signatures', /(Authorization: .*\r\n)/, '$1$1'],
  ['no hash', /X-Event-Horizon-Request-Hash: .*\r\n/, ''],
  ['a hash that is not signed', ';x-event-horizon-request-hash', ''],
  ['a host that is not signed', ';host', ''],
  ['a folded header', 'Accept: ', 'Accept:\r\n '],
  ['a chunk that is too long', '\r\n2d\r\n', '\r\n2e\r\n'],
  ['a chunk that is too short', '\r\n2d\r\n', '\r\n2c\r\n'],
  ['no last chunk', /0\r\n\r\n$/, ''],
  ['bytes after the end', /$/, 'x'],
  ['a length beside chunks', 'Accept: ', 'Content-Length: 45\r\nAccept: '],
  ['another encoding', 'chunked', 'gzip'],
];

for (const [name, from, to] of malformed) {
  test(`a credential is not read: ${name}`, () => {
    assert.notEqual(inner.replace(from, to), inner);
    assert.equal(parseCallerIdentity(Buffer.from(inner.replace(from, to)).toString('base64')), undefined);
  });
}

test('a body with a length is read', () => {
  const [, body = ''] = /\r\n\r\n2d\r\n(.*)\r\n0\r\n\r\n$/s.exec(inner) ?? [];
  const withLength = inner
    .replace('Transfer-Encoding: chunked', 'Content-Length: 45')
    .replace(/\r\n\r\n.*$/s, `\r\n\r\n${body}`);
  const identity = parseCallerIdentity(Buffer.from(withLength).toString('base64'));
  assert.ok(identity && isIdentityOf(secret, identity));
});
