import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtagCache } from './etag-cache.ts';

const answer = (length: number, etag = 'e') => ({ etag, headers: [], body: 'x'.repeat(length) });
const mebi = 1024 * 1024;

test('answers are found by their URL, the newest of each', () => {
  const cache = new EtagCache();
  cache.set('/a', answer(1, 'old'));
  cache.set('/a', answer(2, 'new'));
  assert.equal(cache.get('/a')?.etag, 'new');
  assert.equal(cache.get('/b'), undefined);
  assert.equal(cache.size, 1);
});

test('the least recently used go when there is no more room', () => {
  const cache = new EtagCache();
  for (let i = 0; i < 8; i += 1) cache.set(`/${i}`, answer(mebi / 2 - 1024));
  assert.equal(cache.size, 8);
  cache.get('/0');
  cache.set('/new', answer(1));
  assert.equal(cache.get('/1'), undefined);
  assert.ok(cache.get('/0') && cache.get('/new'));
  for (let i = 0; i < 10_000; i += 1) cache.set(`/many/${i}`, answer(1000));
  assert.ok(cache.size <= (4 * mebi) / 1000);
});

test('what would fill it alone is not kept, nor what was there before it', () => {
  const cache = new EtagCache();
  cache.set('/a', answer(1));
  cache.set('/a', answer(mebi));
  assert.equal(cache.get('/a'), undefined);
  for (let i = 0; i < 100; i += 1) cache.set('/a', answer(mebi / 2 - 1024));
  assert.equal(cache.size, 1);
});

test('empty answers do not pile up without end', () => {
  const cache = new EtagCache();
  for (let i = 0; i < 20_000; i += 1) cache.set(`/${i}`, answer(0));
  assert.ok(cache.size <= 10_000, `${cache.size}`);
});
