import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { makeFolder } from './files.ts';

test('creates missing folders, for this user only, and accepts existing ones', async () => {
  await using dir = await makeTempDir();
  const path = join(dir.path, 'a/b/c');
  await makeFolder(path);
  await makeFolder(path);
  for (const folder of ['a', 'a/b', 'a/b/c']) {
    assert.equal((await stat(join(dir.path, folder))).mode & 0o777, 0o700);
  }
});

test('rejects below a file, and where folders cannot be created', async () => {
  await using dir = await makeTempDir();
  await writeFile(join(dir.path, 'file'), '');
  await assert.rejects(makeFolder(join(dir.path, 'file/folder')), { code: 'ENOTDIR' });
  if (process.platform === 'linux') await assert.rejects(makeFolder('/proc/plan42/folder'));
});
