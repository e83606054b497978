import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Injectable, injectCredentials } from './placeholders.ts';

const credential = (more: Partial<Injectable> = {}): Injectable => ({
  name: 'n',
  placeholder: 'PLACEHOLDER0',
  value: 'S3CRET/+=&',
  isForHost: true,
  ...more,
});
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const inject = (header: string, value: string, path = '/', more?: Partial<Injectable>) =>
  injectCredentials([credential(more)], { rawHeaders: ['Accept', '*/*', header, value], path });

const places: [header: string, value: string, expected: string][] = [
  ['Authorization', 'Bearer PLACEHOLDER0', 'Bearer S3CRET/+=&'],
  ['AUTHORIZATION', 'token PLACEHOLDER0', 'token S3CRET/+=&'],
  ['authorization', basic('PLACEHOLDER0:x-oauth-basic'), basic('S3CRET/+=&:x-oauth-basic')],
  [
    'authorization',
    `basic  ${Buffer.from('a:PLACEHOLDER0').toString('base64')}`,
    `basic  ${Buffer.from('a:S3CRET/+=&').toString('base64')}`,
  ],
  ['X-Api-Key', 'PLACEHOLDER0', 'S3CRET/+=&'],
  ['x-goog-api-key', 'PLACEHOLDER0', 'S3CRET/+=&'],
];

for (const [header, value, expected] of places) {
  test(`${header}: ${value} gets the credential`, () => {
    assert.deepEqual(inject(header, value), {
      kind: 'pass',
      rawHeaders: ['Accept', '*/*', header, expected],
      path: '/',
      used: new Map([['n', 'S3CRET/+=&']]),
    });
  });
}

test('the parameter "key" of a query gets it, encoded', () => {
  const result = inject('a', 'b', '/v1?x=1&key=PLACEHOLDER0&y=2');
  assert.equal(result.kind === 'pass' && result.path, '/v1?x=1&key=S3CRET%2F%2B%3D%26&y=2');
});

const elsewhere: [header: string, value: string, path: string][] = [
  ['Cookie', 'PLACEHOLDER0', '/'],
  ['PLACEHOLDER0', 'x', '/'],
  ['Accept', basic('a:PLACEHOLDER0'), '/'],
  ['Accept', '*/*', '/PLACEHOLDER0'],
  ['Accept', '*/*', '/?PLACEHOLDER0'],
  ['Accept', '*/*', '/?monkey=PLACEHOLDER0'],
  ['Accept', '*/*', '/?key=xPLACEHOLDER0'],
];

for (const [header, value, path] of elsewhere) {
  test(`"${header}: ${value}" at ${path} is refused`, () => {
    assert.deepEqual(inject(header, value, path), { kind: 'refused', name: 'n', because: 'place' });
    const forOther = inject(header, value, path, { isForHost: false });
    assert.deepEqual(forOther, { kind: 'refused', name: 'n', because: 'host' });
  });
}

test('a header of the configuration takes the place of the usual ones', () => {
  const header = 'x-custom';
  assert.equal(inject('X-Custom', 'k PLACEHOLDER0', '/', { header }).kind, 'pass');
  assert.equal(inject('Authorization', 'PLACEHOLDER0', '/', { header }).kind, 'refused');
  assert.equal(inject('Accept', '*', '/?key=PLACEHOLDER0', { header }).kind, 'refused');
});

test('without a value nothing is sent', () => {
  const result = inject('Authorization', 'token PLACEHOLDER0', '/', { value: undefined });
  assert.deepEqual(result, { kind: 'refused', name: 'n', because: 'no-value' });
});

test('what has no placeholder stays as it is', () => {
  const parts = { rawHeaders: ['A', 'Basic ????', 'Authorization', basic('ä:b')], path: '/a?key&b==c?d' };
  assert.deepEqual(injectCredentials([credential()], parts), { kind: 'pass', ...parts, used: new Map() });
});
