import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { RotatingFile, rotatedNames } from './rotating-file.ts';

let dir: TempDir;
let path: string;
beforeEach(async () => {
  dir = await makeTempDir();
  path = join(dir.path, 'a.log');
});
afterEach(() => dir[Symbol.asyncDispose]());

const contents = async () =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(dir.path)).toSorted().map(async (name) => [name, await readFile(join(dir.path, name), 'utf8')]),
    ),
  );

test('a log stays within its limits, in whole lines, the newest in the file itself', async () => {
  using file = new RotatingFile(path, { maxBytes: 20, keep: 2 });
  for (let i = 10; i < 20; i += 1) file.write(`line ${i}\n`);
  assert.deepEqual(await contents(), {
    'a.log': 'line 18\nline 19\n',
    'a.log.1': 'line 16\nline 17\n',
    'a.log.2': 'line 14\nline 15\n',
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(rotatedNames(path, 2), [path, `${path}.1`, `${path}.2`]);
});

test('it appends to an existing file, and a line longer than the limit gets a file of its own', async () => {
  await writeFile(path, '0123456789\n');
  using file = new RotatingFile(path, { maxBytes: 12, keep: 1 });
  file.write('a longer line than fits\n');
  file.write('x\n');
  assert.deepEqual(await contents(), { 'a.log': 'x\n', 'a.log.1': 'a longer line than fits\n' });
});

test('a file that was deleted, moved or truncated is re-created with the next line', async () => {
  using file = new RotatingFile(path, { maxBytes: 12, keep: 1 });
  file.write('lost\n');
  await rm(path);
  file.write('one\n');
  await rename(path, join(dir.path, 'moved'));
  file.write('two\n');
  assert.deepEqual(await contents(), { 'a.log': 'two\n', moved: 'one\n' });
  await truncate(path);
  file.write('0123456789\n');
  assert.deepEqual(await contents(), { 'a.log': '0123456789\n', moved: 'one\n' });
});

test('a failed write does not throw, and later writes succeed', async () => {
  await mkdir(path);
  using file = new RotatingFile(path, { maxBytes: 100, keep: 1 });
  file.write('lost\n');
  await rmdir(path);
  file.write('kept\n');
  assert.deepEqual(await contents(), { 'a.log': 'kept\n' });
});
