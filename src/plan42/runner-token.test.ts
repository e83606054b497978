import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseRunnerToken, requireUnexpired, TokenError } from './runner-token.ts';

const now = new Date('2026-01-02T03:04:05Z');
const nowSeconds = now.getTime() / 1000;

const header = { alg: 'ES256', kid: 'key-1', typ: 'JWT' };
const claims = {
  iss: 'https://api.example.com',
  sub: 'tenant-secret-1',
  aud: 'plan42',
  exp: nowSeconds + 60,
  nbf: nowSeconds - 60,
  iat: nowSeconds - 60,
  jti: 'token-secret-1',
  runner_id: 'runner-secret-1',
  principal_type: 'Runner',
};
// 64 bytes, as ES256 has it, with both characters that base64url has and base64 has not.
const signature = Buffer.alloc(64, 0xfb).toString('base64url').replace(/^./, '_');

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const token = (payload: unknown = claims, head: unknown = header): string =>
  `p42r_${part(head)}.${part(payload)}.${signature}`;

const without = (name: keyof typeof claims) => {
  const { [name]: _, ...rest } = claims;
  return rest;
};

describe('a runner token', () => {
  test('has a tenant, a runner and times', () => {
    assert.match(signature, /_/);
    assert.match(signature, /-/);
    assert.deepEqual(parseRunnerToken(token()), {
      tenantId: 'tenant-secret-1',
      runnerId: 'runner-secret-1',
      expiresAt: new Date((nowSeconds + 60) * 1000),
      notBefore: new Date((nowSeconds - 60) * 1000),
    });
  });

  test('may have unknown claims, and lack optional ones', () => {
    assert.equal(parseRunnerToken(token({ ...claims, azp: [1], name: null })).tenantId, 'tenant-secret-1');
    const { tenantId, expiresAt } = parseRunnerToken(token({ sub: 't', runner_id: 'r' }));
    assert.deepEqual({ tenantId, expiresAt }, { tenantId: 't', expiresAt: undefined });
  });

  test('is read as UTF-8', () => {
    assert.equal(parseRunnerToken(token({ ...claims, sub: 'ténant-✓' })).tenantId, 'ténant-✓');
  });

  test('has expired five minutes after its end, because clocks differ', () => {
    const parsed = parseRunnerToken(token({ ...claims, exp: nowSeconds }));
    requireUnexpired(parsed, new Date(now.getTime() + 299_000));
    assert.throws(() => requireUnexpired(parsed, new Date(now.getTime() + 300_000)), {
      name: 'TokenError',
      message: 'it expired at 2026-01-02T03:04:05.000Z',
    });
    requireUnexpired(parseRunnerToken(token({ sub: 't', runner_id: 'r' })), now);
  });
});

describe('an invalid runner token is rejected with a reason', () => {
  const jwt = token().slice('p42r_'.length);
  const [head = '', payload = ''] = jwt.split('.');
  const padded = Buffer.from(JSON.stringify({ ...claims, x: '1' })).toString('base64');
  const cases: [name: string, token: string, message: RegExp][] = [
    ['empty', '', /p42r_/],
    ['only the prefix', 'p42r_', /part/],
    ['no prefix', jwt, /p42r_/],
    ['an agent token', `p42a_${jwt}`, /p42r_/],
    ['the prefix in capitals', `P42R_${jwt}`, /p42r_/],
    ['a space before it', ` ${token()}`, /begins or ends with a quote or white space/],
    ['quotes around it', `"${token()}"`, /begins or ends with a quote/],
    ['a byte order mark before it', `\ufeff${token()}`, /begins or ends with/],
    ['a tenant that is no part of a path', token({ ...claims, sub: '..' }), /IDs is invalid/],
    ['a runner that cannot be encoded', token({ ...claims, runner_id: '\ud800' }), /IDs is invalid/],
    ['no JWT', 'p42r_secret', /3 parts.* 1/],
    ['two parts', `p42r_${head}.${payload}`, /3 parts.* 2/],
    ['four parts', `${token()}.x`, /3 parts.* 4/],
    ['a padded header', `p42r_${head}==.${payload}.${signature}`, /header .*base64url/],
    ['a padded payload', `p42r_${head}.${padded}=.${signature}`, /payload .*base64url/],
    ['a padded signature', `${token()}==`, /signature .*base64url/],
    ['a signature of the other alphabet', `p42r_${head}.${payload}.a+/b`, /signature .*base64url/],
    ['a signature that no bytes have', `p42r_${head}.${payload}.abcde`, /signature .*base64url/],
    ['an empty signature', `p42r_${head}.${payload}.`, /signature/],
    ['a line break after it', `${token()}\n`, /begins or ends with a quote or white space/],
    ['an empty header', `p42r_.${payload}.${signature}`, /header .*JSON/],
    ['an empty payload', `p42r_${head}..${signature}`, /payload .*JSON/],
    ['a header that is not JSON', token(claims, '{secret'), /header .*not JSON/],
    ['a header that is no object', token(claims, '[]'), /header .*object/],
    ['a header that is null', token(claims, 'null'), /header .*object/],
    ['a payload that is not JSON', token('{"sub":"secret'), /payload .*not JSON/],
    ['a payload that is no object', token('"secret"'), /payload .*object/],
    ['no tenant', token(without('sub')), /tenant ID/],
    ['an empty tenant', token({ ...claims, sub: '' }), /tenant ID/],
    ['a tenant that is no text', token({ ...claims, sub: 424242 }), /sub/],
    ['no runner', token(without('runner_id')), /runner ID/],
    ['an empty runner', token({ ...claims, runner_id: '' }), /runner ID/],
    ['a runner that is no text', token({ ...claims, runner_id: ['secret'] }), /runner_id/],
    ['an agent’s claims', token({ ...without('runner_id'), task_id: 'secret', turn_index: 1 }), /runner ID/],
    ['a fraction in a time', token({ ...claims, exp: nowSeconds + 0.5 }), /exp/],
    ['a time that is text', token({ ...claims, exp: '2027-01-01' }), /exp/],
    ['a time beyond all dates', token({ ...claims, exp: 1e300 }), /time/],
  ];
  for (const [name, text, message] of cases) {
    test(name, () => {
      assert.throws(
        () => parseRunnerToken(text),
        (error: Error) => {
          assert.ok(error instanceof TokenError);
          assert.match(error.message, message);
          const text = `${error.stack} ${error.cause ?? ''}`;
          for (const secret of [head, payload, signature]) assert.ok(!text.includes(secret));
          assert.doesNotMatch(text, /secret|424242/);
          return true;
        },
      );
    });
  }
});
