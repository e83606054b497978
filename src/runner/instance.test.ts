import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { errorCode, UserError } from '../lib/errors.ts';
import { createLogger, silentLogger } from '../lib/logger.ts';
import { openInstance } from './instance.ts';

test('an ID is kept', async () => {
  await using dir = await makeTempDir();
  const open = async () => {
    using instance = await openInstance(dir.path, silentLogger);
    return instance.id;
  };
  assert.equal(await open(), await open());
});

test('a damaged ID is replaced, and that is said', async () => {
  await using dir = await makeTempDir();
  await writeFile(join(dir.path, 'instance-id'), 'nonsense');
  const logged: string[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => logged.push(line) });
  using instance = await openInstance(dir.path, logger);
  assert.equal((await readFile(join(dir.path, 'instance-id'), 'utf8')).trim(), instance.id);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /ID was damaged and is replaced: containers and images .* nobody’s/);
});

test('an ID that can’t be read keeps the runner from starting, with what to do', async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, 'instance-id'));
  const isClear = (error: unknown) =>
    error instanceof UserError &&
    /instance-id cannot be read/.test(error.message) &&
    /remove it/.test(error.remedy ?? '');
  await assert.rejects(openInstance(dir.path, silentLogger), isClear);
});

test('a folder of somebody else’s keeps the runner from starting, with what to do', async () => {
  await using dir = await makeTempDir();
  await chmod(dir.path, 0o555);
  const isClear = (error: unknown) =>
    error instanceof UserError && errorCode(error) === 'EACCES' && /Take ownership of it/.test(error.remedy ?? '');
  await asOrdinaryUser(() => assert.rejects(openInstance(dir.path, silentLogger), isClear));
});

test('a disk that is read-only keeps the runner from starting, also where one has run before', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return t.skip('needs root, to mount a small disk');
  await using dir = await makeTempDir();
  const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir.path]);
  const isClear = (error: unknown) =>
    error instanceof UserError && errorCode(error) === 'EROFS' && error.remedy?.startsWith('Choose another one');
  mount('ro,size=1m,mode=700');
  try {
    await assert.rejects(openInstance(dir.path, silentLogger), isClear);
    mount('remount,rw');
    (await openInstance(dir.path, silentLogger))[Symbol.dispose]();
    mount('remount,ro');
    await assert.rejects(openInstance(dir.path, silentLogger), isClear);
  } finally {
    execFileSync('umount', ['--lazy', dir.path]);
  }
});

test('a first start on a full disk fails with what to do', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return t.skip('needs root, to mount a small disk');
  await using dir = await makeTempDir();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=700', 'tmpfs', dir.path]);
  try {
    await assert.rejects(writeFile(join(dir.path, 'filler'), Buffer.alloc(65536)), { code: 'ENOSPC' });
    const isClear = (error: unknown) => error instanceof UserError && /Make space/.test(error.remedy ?? '');
    await assert.rejects(openInstance(dir.path, silentLogger), isClear);
  } finally {
    execFileSync('umount', ['--lazy', dir.path]);
  }
});
