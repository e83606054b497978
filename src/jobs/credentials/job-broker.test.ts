import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/parse.ts';
import type { Secret } from './collect.ts';
import { prepareBroker } from './job-broker.ts';
import { makePlaceholder } from './placeholder.ts';

const { config } = parseConfig({ file: '', env: {}, flags: new Map() });
const secret = (name: string, value: string, ...hosts: string[]): Secret => ({
  name,
  value,
  targets: hosts.map((host) => ({ host, port: 443, isPlain: false })),
});
const prepare = (secrets: Secret[], previous?: NonNullable<ReturnType<typeof prepareBroker>>['policy']) =>
  prepareBroker({ secrets, config, previous, now: new Date() }) ?? assert.fail();

const shapes: [secret: string, expected: RegExp][] = [
  ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', /^ghp_[a-z]{26}\d{10}$/],
  ['github_pat_11ABCDEFG0abcdefghijkl_MNOPQRSTUV', /^github_pat_\d{2}[A-Z]{7}\d[a-z]{12}_[A-Z]{10}$/],
  ['sk-ant-api03-AbC-123_xyzABCDEFGHIJKL', /^sk-ant-api03-[A-Z][a-z][A-Z]-\d{3}_[a-z]{3}[A-Z]{12}/],
  ['sk-proj-12345678901234567890', /^sk-proj-\d{20}$/],
  ['short-1', /^[a-z]{5}-\d[a-z]+$/],
  ['p@ss "word"/=', /^[a-z]+$/],
];

for (const [text, expected] of shapes) {
  test(`the placeholder of ${text} has its shape and no part of it`, () => {
    const placeholder = makePlaceholder(text);
    assert.match(placeholder, expected);
    assert.notEqual(makePlaceholder(text), placeholder);
    assert.ok(placeholder.replace(/^(?:ghp_|github_pat_|sk-ant-api03-|sk-proj-)/, '').length >= 20);
  });
}

test('secrets are replaced wherever they stand, also in JSON, and the longest first', () => {
  const broker = prepare([secret('a', 'secret-1', 'a.example'), secret('b', 'x"secret-1\\', 'b.example')]);
  const [a = '', b = ''] = broker.policy.credentials.map(({ placeholder }) => placeholder);
  assert.equal(broker.hide('one secret-1, another x"secret-1\\.'), `one ${a}, another ${b}.`);
  const json = JSON.stringify({ Prompt: 'x"secret-1\\', List: ['secret-1'] });
  assert.deepEqual(JSON.parse(broker.hideInJson(json)), { Prompt: b, List: [a] });
});

test('a start that is repeated uses the same placeholders and certificates, as long as nothing else changes', () => {
  const first = prepare([secret('a', 'secret-1', 'a.example')]);
  const again = prepare([secret('a', 'secret-2', 'a.example')], first.policy);
  assert.deepEqual(again.policy, first.policy);
  assert.equal(again.values.get('a'), 'secret-2');
  const other = prepare([secret('a', 'secret-1', 'b.example')], first.policy);
  assert.notEqual(other.policy.authority, first.policy.authority);
});

test('one text from two settings has the hosts of both', () => {
  const { policy } = prepare([secret('a', 'secret-1', 'a.example'), secret('b', 'secret-1', 'b.example')]);
  for (const { targets } of policy.credentials)
    assert.deepEqual(
      targets.map(({ host }) => host),
      ['a.example', 'b.example'],
    );
  assert.deepEqual(
    policy.hosts.map(({ host }) => host),
    ['a.example', 'b.example'],
  );
});

test('a job without secrets has no broker', () => {
  assert.equal(prepareBroker({ secrets: [], config, previous: undefined, now: new Date() }), undefined);
});
