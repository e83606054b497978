import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { QueueRegistry } from './queue-registry.ts';

const owner = { tenantId: 'tenant-1', runnerId: 'runner-1', url: new URL('https://server.test/prefix') };
const ids = [1, 2, 3, 4].map((n) => `0000000${n}-0000-4000-8000-000000000000`) as [string, string, string, string];

test('queues are remembered for their owner; those of another tenant, runner or server are forgotten', async () => {
  for (const other of [
    { ...owner, tenantId: 'tenant-2' },
    { ...owner, runnerId: 'runner-2' },
    { ...owner, url: new URL('https://other.test/prefix') },
  ]) {
    await using dir = await makeTempDir();
    const registry = await QueueRegistry.open(dir.path, owner);
    for (const id of ids) registry.add(id);
    registry.remove(ids[3]);
    await registry.settled();
    const again = await QueueRegistry.open(dir.path, owner);
    assert.deepEqual((await again.list()).toSorted(), ids.slice(0, 3));

    const theirs = await QueueRegistry.open(dir.path, other);
    assert.deepEqual(await theirs.list(), []);
    theirs.add(ids[3]);
    await theirs.settled();
    assert.deepEqual(await readdir(join(dir.path, 'queues')), [ids[3]]);
  }
});

test('the empty entries of an earlier version count, damaged ones do not', async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, 'queues'), { mode: 0o700 });
  await writeFile(join(dir.path, 'queues', ids[0]), '');
  await writeFile(join(dir.path, 'queues', ids[1]), '{"tenantId":');
  const registry = await QueueRegistry.open(dir.path, owner);
  assert.deepEqual(await registry.list(), [ids[0]]);
});
