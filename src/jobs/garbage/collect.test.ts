import assert from 'node:assert/strict';
import { test } from 'node:test';
import { day, instanceId, makeFinished, store } from '../../../test/support/garbage-setting.ts';
import { collectGarbage } from './collect.ts';

test('without a runtime, only files are collected', async () => {
  const old = await makeFinished(31 * day);
  await store.images.noteUse('docker', 'a', 'a:1', true);
  const rules = {
    keepFinishedMs: day,
    keepImages: 0,
    keepImageBytes: 0,
    keepMirrorBytes: 0,
    wantedImages: [],
    graceMs: 0,
  };
  const signal = new AbortController().signal;
  const { removed, failures } = await collectGarbage({
    ...{ store, runtime: undefined, instanceId, now: Date.now, signal, rules },
  });
  assert.deepEqual([removed.map(({ name }) => name), failures], [[old.jobId], []]);
  assert.equal((await store.images.list('docker')).length, 1);
});
