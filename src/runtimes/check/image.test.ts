import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { checkImage } from './image.ts';

test('an image has every path once, each after its folder', { skip: process.platform !== 'linux' }, async () => {
  await using dir = await makeTempDir();
  const archive = join(dir.path, 'image.tar');
  // As if the program were below /tmp.
  await writeFile(archive, checkImage('/tmp/bin/agent'));
  const { stdout } = await promisify(execFile)('tar', ['--list', '--file', archive]);
  const paths = stdout.trim().split('\n');
  assert.equal(new Set(paths).size, paths.length, stdout);
  for (const path of ['tmp/', 'tmp/bin/agent', 'plan42-run-script', process.execPath.slice(1)]) {
    assert.ok(paths.includes(path), path);
    const folders = path
      .split('/')
      .slice(0, -2)
      .map((_, i, parts) => `${parts.slice(0, i + 1).join('/')}/`);
    for (const folder of folders) assert.ok(paths.indexOf(folder) < paths.indexOf(path), folder);
  }
});
