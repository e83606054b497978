import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.ts';

const candidates = ['url', 'token', 'skip_ssl_verify', 'runtime', 'max_jobs'];
for (const [word, expected] of [
  ['max_job', 'max_jobs'],
  ['maxjobs', 'max_jobs'],
  ['MAX_JOBS', 'max_jobs'],
  ['tokne', 'token'],
  ['ulr', 'url'],
  ['runtmie', 'runtime'],
  ['xyzzy', undefined],
  ['', undefined],
  ['k', undefined],
] as const) {
  test(`"${word}" means ${expected}`, () => assert.equal(nearest(word, candidates), expected));
}

test('returns the nearest candidate, or undefined', () => {
  assert.equal(nearest('levle', ['lever', 'level']), 'level');
  assert.equal(nearest('x', []), undefined);
});
