import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  ageFile,
  collect,
  day,
  instanceId,
  makeActive,
  minute,
  otherId,
  runtime,
  store,
} from '../../../test/support/garbage-setting.ts';
import { makeRecord } from '../../../test/support/job-record.ts';
import { pinName } from '../images/image-pin.ts';

describe('images', () => {
  /** An image that a job of this runner used so long ago. */
  async function used(reference: string, ageMs: number, { pulled = true, held = true, sizeBytes = 10 } = {}) {
    const id = `id-of-${reference}`;
    const names = [reference, ...(held ? [pinName(instanceId, id)] : [])];
    runtime.images.all.set(id, { id, names, sizeBytes });
    await store.images.noteUse('docker', id, reference, pulled);
    await ageFile(join(store.images.folder, `docker.${id.replaceAll(/[^\w.-]/g, '_')}.json`), ageMs);
    return id;
  }
  const there = () => [...runtime.images.all.keys()];
  const addName = (id: string, name: string) => runtime.images.addName(id, name);

  test('beyond the limit are removed, least recently used first', async () => {
    for (const [name, age] of [
      ['c:1', 3 * day],
      ['a:1', day],
      ['b:1', 2 * day],
    ] as const) {
      await used(name, age);
    }
    assert.deepEqual((await collect({ keepImages: 2, dryRun: true })).removed, ['image c:1']);
    assert.deepEqual((await collect({ keepImages: 2 })).removed, ['image c:1']);
    assert.deepEqual(there().toSorted(), ['id-of-a:1', 'id-of-b:1']);
    assert.deepEqual((await collect({ keepImages: 0 })).removed, ['image a:1', 'image b:1']);
    assert.deepEqual(await store.images.list('docker'), []);
  });

  test('beyond the total size are removed as well', async () => {
    await used('a:1', day, { sizeBytes: 50 });
    await used('b:1', 2 * day, { sizeBytes: 60 });
    await used('c:1', 3 * day, { sizeBytes: 1 });
    assert.deepEqual((await collect({ keepImages: 9, keepImageBytes: 100 })).removed, ['image b:1', 'image c:1']);
  });

  test('of images.prefetch stay, but not those that newer ones have replaced', async () => {
    const wantedImages = ['a:1'];
    const old = await used('a:1', 3 * day);
    assert.deepEqual((await collect({ keepImages: 0, wantedImages })).removed, []);
    runtime.images.all.set(old, { id: old, names: [pinName(instanceId, old)], sizeBytes: 1 });
    runtime.images.all.set('new', { id: 'new', names: ['a:1'], sizeBytes: 1 });
    assert.deepEqual((await collect({ keepImages: 0, wantedImages })).removed, ['image a:1 (id-of-a:1)']);
  });

  test('that existed before stay, whatever the limit', async () => {
    const id = await used('a:1', 100 * day, { pulled: false, held: false });
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(there(), [id]);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1']);
  });

  test('that a newer one replaced are removed at once, and no others', async () => {
    const old = await used('a:latest', 6 * minute);
    runtime.images.all.set(old, { id: old, names: [pinName(instanceId, old)], sizeBytes: 1 });
    runtime.images.all.set('new', { id: 'new', names: ['a:latest'], sizeBytes: 1 });
    await store.images.noteUse('docker', 'new', 'a:latest', true);
    const { removed, details } = await collect();
    assert.deepEqual(removed, ['image a:latest (id-of-a:late)']);
    assert.equal(details[0]?.reason, 'replaced by a newer image');
    assert.deepEqual(there(), ['new']);
  });

  test('stay while they are young, in use, or an active job’s', async () => {
    await used('young:1', minute);
    runtime.images.inUse.add(await used('busy:1', day));
    await used('wanted:1', day);
    await makeActive({ image: 'wanted:1' });
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.equal(there().length, 3);
  });

  test('stay if a job requests them at this moment', async () => {
    const id = await used('a:1', day);
    const { isInUse } = runtime.images;
    runtime.images.isInUse = async (...args) => {
      await makeActive({ image: 'a:1' });
      return isInUse(...args);
    };
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(instanceId, id)]);
  });

  test('that another runner pinned keep their name until it unpins them', async () => {
    const id = await used('a:1', day);
    await addName(id, pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(otherId, id)], 'no longer held by this one');
    await runtime.images.remove(pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, ['image a:1']);
  });

  test('of another runner are only unpinned', async () => {
    const id = await used('a:1', day, { pulled: false });
    await addName(id, pinName(otherId, id));
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', pinName(otherId, id)]);
    assert.deepEqual(await store.images.list('docker'), []);
  });

  test('that a user named belong to the user', async () => {
    const id = await used('a:1', day);
    await addName(id, 'mine:1');
    assert.deepEqual((await collect({ keepImages: 0 })).removed, []);
    assert.deepEqual(runtime.images.all.get(id)?.names, ['a:1', 'mine:1']);
    await runtime.images.remove('mine:1');
    assert.deepEqual((await collect({ keepImages: 0 })).removed, [], 'for good');
  });

  test('of another runtime are left alone', async () => {
    await store.images.noteUse('podman', 'p', 'a:1', true);
    runtime.images.all.set('p', { id: 'p', names: ['a:1'], sizeBytes: 1 });
    assert.deepEqual((await collect({ keepImages: 0, graceMs: 0 })).removed, []);
  });

  test('that a pull added before a crash are known', async () => {
    const record = makeRecord({ image: 'a:1' });
    await store.images.beginPull({ runtime: 'docker', jobId: record.jobId, reference: 'a:1', present: ['other'] });
    runtime.images.all.set('id', { id: 'id', names: ['a:1'], sizeBytes: 1 });
    await collect();
    assert.deepEqual(await store.images.listPulls(), []);
    assert.deepEqual(runtime.images.all.get('id')?.names, ['a:1', pinName(instanceId, 'id')]);
    assert.deepEqual((await collect({ keepImages: 0, graceMs: 0 })).removed, ['image a:1']);
  });

  test('change nothing in a dry run', async () => {
    await store.images.beginPull({ runtime: 'docker', jobId: makeRecord().jobId, reference: 'a:1', present: [] });
    runtime.images.all.set('id', { id: 'id', names: ['a:1'], sizeBytes: 1 });
    const gone = await used('gone:1', day);
    runtime.images.all.delete(gone);
    const before = await readdir(store.images.folder);
    await collect({ dryRun: true, keepImages: 0, graceMs: 0 });
    assert.deepEqual(await readdir(store.images.folder), before);
    assert.deepEqual(runtime.images.all.get('id')?.names, ['a:1']);
  });

  test('whose usage file is unreadable stay', async () => {
    await used('a:1', day);
    for (const name of await readdir(store.images.folder)) await writeFile(join(store.images.folder, name), '{');
    const { removed, failures } = await collect({ keepImages: 0, graceMs: 0 });
    assert.deepEqual([removed, failures], [[], []]);
    assert.equal(there().length, 1);
  });
});
