import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf, type Place, placeOf, signInCodeOf } from './place.ts';

test('places and addresses convert in both directions', () => {
  const places: Exclude<Place, { view: 'unknown' }>[] = [
    { view: 'overview' },
    { view: 'tasks' },
    { view: 'tasks', state: 'Awaiting Code Review', search: '100% & more', after: 'a+/=' },
    { view: 'task', taskId: 'a/b?c' },
    { view: 'runner', runnerId: 'r' },
    { view: 'newTask' },
    { view: 'newTask', environment: 'e', from: 'a&b' },
    { view: 'environments' },
    { view: 'environment', environmentId: 'e/f' },
    { view: 'newEnvironment' },
  ];
  for (const place of places) assert.deepEqual(placeOf(hashOf(place)), place);
  assert.deepEqual(placeOf(''), { view: 'overview' });
});

test('other addresses are unknown places', () => {
  for (const hash of ['#/x', '#/tasks/a/b', '#/runners', '#/runners/', '#/%']) {
    assert.deepEqual(placeOf(hash), { view: 'unknown' }, hash);
  }
});

test('only sign-in links have a code', () => {
  assert.equal(signInCodeOf('#sign-in=aB-_9'), 'aB-_9');
  for (const hash of ['', '#/', '#sign-in=', '#sign-in=a/b', '#/sign-in=a'])
    assert.equal(signInCodeOf(hash), undefined);
});
