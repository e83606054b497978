import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { redact } from './redact.ts';

const body = 'Zk3'.repeat(20);
const jwt = `eyJ${body}.eyJ${body}.${body}`;
const basic = Buffer.from(`me:${body}`).toString('base64');

const tokens: Record<string, string> = {
  'of a runner': `p42r_${jwt}`,
  'of an agent': `p42a_${jwt}`,
  'JSON Web': jwt,
  'JSON Web, cut': `eyJ${body}.eyJ${body}`,
  ...Object.fromEntries(['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'].map((p) => [p, p + body.slice(0, 36)])),
  'GitHub installation': `ghs_12345_${jwt}`,
  'sk-ant-': `sk-ant-api03-${body}-${body}AA`,
  'sk-proj-': `sk-proj-${body}`,
  'sk-': `sk-${body.slice(0, 48)}`,
  'xoxb-': `xoxb-123456789012-123456789012-${body.slice(0, 24)}`,
  'glpat-': `glpat-${body.slice(0, 20)}`,
  npm_: `npm_${body.slice(0, 36)}`,
  AIza: `AIza${body.slice(0, 35)}`,
  sk_live_: `sk_live_${body.slice(0, 24)}`,
  dckr_pat_: `dckr_pat_${body.slice(0, 27)}`,
};

const surroundings: Record<string, (token: string) => string> = {
  alone: (token) => token,
  'after a colour': (token) => `\u001b[1m${token}\u001b[0m`,
  'after a colour that was escaped': (token) => `\\u001b[1;31m${token}`,
  'after a percent-encoded space': (token) => `%20${token}%20`,
  'after a word': (token) => `my_token_${token}`,
  'after a letter': (token) => `x${token}`,
  'after an escaped line break': (token) => `line\\n${token}\\n`,
  'after a letter of another script': (token) => `ключ${token}`,
  'in JSON': (token) => JSON.stringify({ token }),
  'in JSON in JSON': (token) => JSON.stringify(JSON.stringify({ token })),
  'in a URL': (token) => `https://x:${token}@example.com/a?b=${token}#${token}`,
  'as a user': (token) => `https://${token}@example.com/`,
  'in a header': (token) => `Authorization: Bearer ${token}`,
  'in a basic header': (token) => `Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
  'twice in a row': (token) => `${token} ${token}`,
};

// Only after the start of a word, because these beginnings also end ordinary words.
const wordsOnly = new Set(['sk-', 'sk_live_']);

describe('a token', () => {
  for (const [name, token] of Object.entries(tokens)) {
    test(`is redacted: ${name}`, () => {
      for (const [where, surround] of Object.entries(surroundings)) {
        if (where === 'after a letter' && wordsOnly.has(name)) continue;
        const clean = redact(surround(token));
        assert.doesNotMatch(clean, /Zk3|WmsMz|aWtazM|pLazNaaz/, `${where}: ${clean}`);
        assert.match(clean, /\[redacted\]/);
        assert.equal(redact(clean), clean, 'redacting twice changes nothing');
      }
    });
  }

  test('is redacted although it is short, at the start of a word', () => {
    assert.equal(redact('with ghp_abc, and'), 'with ghp_[redacted], and');
    assert.equal(redact('token_github_pat_1'), 'token_github_pat_[redacted]');
  });
});

test('passwords are redacted', () => {
  assert.equal(redact('to http://user:pass@proxy:3128/'), 'to http://[redacted]@proxy:3128/');
  assert.equal(redact('to http://user:p@ss@proxy'), 'to http://[redacted]@proxy');
  assert.equal(redact(`http://user:${'p'.repeat(5000)}@proxy`), 'http://[redacted]@proxy');
  assert.equal(
    redact('https://a.example/?x=1&access_token=abc&y=2'),
    'https://a.example/?x=1&access_token=[redacted]&y=2',
  );
  assert.equal(redact('http://127.0.0.1:4242/#sign-in=abc'), 'http://127.0.0.1:4242/#sign-in=[redacted]');
  assert.equal(redact(`proxy-authorization: basic ${basic}`), 'proxy-authorization: basic [redacted]');
  assert.equal(redact(`{"authorization":"Basic ${basic}"}`), '{"authorization":"Basic [redacted]"}');
  assert.equal(redact('AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE'), 'AWS_ACCESS_KEY_ID=AKIA[redacted]');
});

test('private keys are redacted', () => {
  for (const name of ['', 'RSA ', 'EC ', 'ENCRYPTED ', 'OPENSSH ']) {
    const pem = `-----BEGIN ${name}PRIVATE KEY-----\n${body}\n${body}\n-----END ${name}PRIVATE KEY-----`;
    assert.equal(redact(`a ${pem} b`), 'a [redacted] b');
    assert.equal(redact(JSON.stringify({ pem, x: 1 })), '{"pem":"[redacted]","x":1}');
    assert.equal(redact(`a ${pem.slice(0, 100)}`), 'a [redacted]');
  }
});

test('other text stays', () => {
  for (const text of [
    'weight_kg high_5 highs_and_lows lengths_of_items public key: -----BEGIN PUBLIC KEY----- plan42-1 p42 eyJ',
    'task-0123456789abcdef0123456789abcdef disk-AAAAAAAAAAAAAAAAAAAAAAAA',
    'job plan42-1b4e28ba-2fa1-41d2-883f-0016d3cca427-1 of runner 1b4e28ba-2fa1-41d2-883f-0016d3cca427',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'ghcr.io/acme/agent:v1.2.3@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'commit da39a3ee5e6b4b0d3255bfef95601890afd80709 at 2026-01-02T03:04:05.678Z, etag W/"0a4d55a8d778e5022fab701977c5d840"',
    'npm_config_cache npm_lifecycle_event_of_the_package global-configuration-file glob-pattern-of-many-files',
    'ssh://git@github.com/acme/app https://git@example.com https://github.com/acme/app?tab=readme#token',
    'Basic authentication, basic configuration; Bearer authentication; bearer token not valid; Basic realm="x"',
    'the token is not valid: wrong password',
    '::1 http://[::1]:4242 http://localhost:4242/a:b@c',
    'BASIC AKIAIOSFODNN7EXAMPLEX MAKIAIOSFODNN7EXAMPLE',
  ]) {
    assert.equal(redact(text), text);
  }
});

test('takes time in proportion to the length', () => {
  const starts = [
    'eyJ-',
    'eyJaaaaaaaaa.',
    '://a:',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----"',
    'ghp_',
    'sk-',
    'Basic ab',
  ];
  for (const start of starts) {
    const text = start.repeat((1 << 20) / start.length);
    const before = process.cpuUsage();
    redact(text);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 5_000_000, `${start}: ${user + system} µs for 1 MiB`);
  }
});
