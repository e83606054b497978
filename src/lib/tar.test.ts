import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { type TarEntry, writeTar } from './tar.ts';

test('tar(1) extracts what is written', async () => {
  await using dir = await makeTempDir();
  const at = (path: string) => join(dir.path, path);
  const content = 'x'.repeat(3_000_001);
  await writeFile(at('source'), content);
  const long = `/${'folder/'.repeat(20)}file`;
  const entries: TarEntry[] = [
    { path: '/bin', mode: 0o755, folder: true },
    { path: '/bin/program', mode: 0o755, file: at('source') },
    { path: '/bin/link', mode: 0o777, link: '/bin/program' },
    { path: '/text', mode: 0o644, content: 'schön' },
    { path: '/empty', mode: 0o600, content: '' },
    { path: long, mode: 0o644, content: 'deep' },
  ];
  await writeFile(at('archive.tar'), writeTar(entries));
  await mkdir(at('out'));
  await promisify(execFile)('tar', ['--extract', '--file', at('archive.tar'), '--directory', at('out')]);
  assert.equal(await readFile(at('out/bin/program'), 'utf8'), content);
  assert.equal((await stat(at('out/bin/program'))).mode & 0o777, 0o755);
  assert.equal(await readlink(at('out/bin/link')), '/bin/program');
  assert.equal(await readFile(at('out/text'), 'utf8'), 'schön');
  assert.equal((await stat(at('out/empty'))).size, 0);
  assert.equal(await readFile(at(`out${long}`), 'utf8'), 'deep');
});

test('a path that is too long for the format is an error', async () => {
  const entries: TarEntry[] = [{ path: `/${'x'.repeat(101)}`, mode: 0o644, content: '' }];
  await assert.rejects(Array.fromAsync(writeTar(entries)), /too long for an archive/);
});
