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

test('replaces a damaged ID and logs a warning', async () => {
  await using dir = await makeTempDir();
  await writeFile(join(dir.path, 'instance-id'), 'nonsense');
  const logged: string[] = [];
  const logger = createLogger({ level: 'info', format: 'text', write: (line) => logged.push(line) });
  using instance = await openInstance(dir.path, logger);
  assert.equal((await readFile(join(dir.path, 'instance-id'), 'utf8')).trim(), instance.id);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /instance ID damaged, created a new one .*remedy=/);
});

test('rejects an ID that cannot be read, with a remedy', async () => {
  await using dir = await makeTempDir();
  await mkdir(join(dir.path, 'instance-id'));
  const isClear = (error: unknown) =>
    error instanceof UserError &&
    /cannot read instance ID .*instance-id$/.test(error.message) &&
    /delete it/.test(error.remedy ?? '');
  await assert.rejects(openInstance(dir.path, silentLogger), isClear);
});

test('rejects a folder that is not writable, with a remedy', async () => {
  await using dir = await makeTempDir();
  await chmod(dir.path, 0o555);
  const isClear = (error: unknown) =>
    error instanceof UserError && errorCode(error) === 'EACCES' && /Change its owner/.test(error.remedy ?? '');
  await asOrdinaryUser(() => assert.rejects(openInstance(dir.path, silentLogger), isClear));
});

test('rejects a read-only disk, even if a runner has used it before', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return t.skip('needs root, to mount a small disk');
  await using dir = await makeTempDir();
  const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir.path]);
  const isClear = (error: unknown) =>
    error instanceof UserError && errorCode(error) === 'EROFS' && error.remedy?.startsWith('Choose another folder');
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

test('rejects a full disk on the first start, with a remedy', async (t) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return t.skip('needs root, to mount a small disk');
  await using dir = await makeTempDir();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=700', 'tmpfs', dir.path]);
  try {
    await assert.rejects(writeFile(join(dir.path, 'filler'), Buffer.alloc(65536)), { code: 'ENOSPC' });
    const isClear = (error: unknown) => error instanceof UserError && /Free disk space/.test(error.remedy ?? '');
    await assert.rejects(openInstance(dir.path, silentLogger), isClear);
  } finally {
    execFileSync('umount', ['--lazy', dir.path]);
  }
});
