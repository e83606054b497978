import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { parseRunnerToken } from '../../plan42/runner-token.ts';
import { exportSigningKey, generateSigningKey, importSigningKey, signJwt } from './jwt.ts';
import { signatureHash, Tokens } from './tokens.ts';

const key = generateSigningKey();
const tokens = new Tokens(key, 'https://plane.test');
const lifetime = { from: new Date('2026-01-01T00:00:00.500Z'), to: new Date('2036-04-01T00:00:00Z') };

test('a runner token has the format that runners and Go programs read', () => {
  const token = tokens.forRunner('tenant', 'runner', 'id', lifetime);
  const [header = '', claims = '', signature = ''] = token.slice('p42r_'.length).split('.');
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  assert.deepEqual(decode(header), { alg: 'ES256', kid: key.keyId, typ: 'JWT' });
  assert.deepEqual(decode(claims), {
    iss: 'https://plane.test',
    aud: 'plan42-control-plane',
    sub: 'tenant',
    jti: 'id',
    iat: 1767225600,
    nbf: 1767225600,
    exp: 2090620800,
    principal_type: 'Runner',
    runner_id: 'runner',
  });
  assert.equal(Buffer.from(signature, 'base64url').length, 64);
  assert.doesNotMatch(token, /=/);
  assert.equal(parseRunnerToken(token).runnerId, 'runner');
  assert.equal(signatureHash(token), hash('sha256', signature, 'base64'));
});

test('a token stays valid after an export of its key, and with a new issuer', () => {
  const token = tokens.forAgent({ TenantId: 't', TaskId: 'task', TurnIndex: 2 }, 'id', lifetime);
  const later = new Tokens(importSigningKey(exportSigningKey(key)), 'https://elsewhere.test');
  const claims = later.verify(token);
  assert.ok(claims?.principal_type === 'Agent');
  assert.deepEqual([claims.sub, claims.task_id, claims.turn_index], ['t', 'task', 2]);
});

test('foreign and changed tokens are rejected', () => {
  const token = tokens.forTenant('tenant', 'id', lifetime);
  const [header, claims, signature = ''] = token.slice('p42t_'.length).split('.');
  const other = new Tokens(generateSigningKey(), 'https://plane.test').forTenant('tenant', 'id', lifetime);
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  const bad = [
    '',
    'p42t_',
    'junk',
    other,
    token.replace('p42t_', 'p42r_'),
    token.replace('p42t_', ''),
    `${token}=`,
    `${token}.`,
    `${token}A`,
    `p42t_${header}.${claims}.`,
    `p42t_${unsigned}.${claims}.`,
    `p42t_${header}.${Buffer.from('{"sub":"x"}').toString('base64url')}.${signature}`,
    `p42t_${signJwt({ sub: 'tenant' }, key)}`,
  ];
  assert.deepEqual(
    bad.filter((text) => tokens.verify(text) !== undefined),
    [],
  );
  assert.ok(tokens.verify(token));
});
