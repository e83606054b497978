import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { UserError } from './errors.ts';
import { tryLockFolder } from './lock.ts';
import { openPrivateFolder, requirePrivateFile } from './private-folder.ts';
import { RotatingFile } from './rotating-file.ts';

const isRoot = process.getuid?.() === 0;
const [mallory, bob] = [4242, 65_534];

const refused = (message: RegExp, remedy: RegExp) => (error: unknown) =>
  error instanceof UserError && message.test(error.message) && remedy.test(error.remedy ?? '');

describe('a folder for files of the program', () => {
  test('is created, and one that only others can read is accepted as it is', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'a/b');
    await openPrivateFolder(path);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    await chmod(path, 0o755);
    await openPrivateFolder(path);
    assert.equal((await stat(path)).mode & 0o777, 0o755);
  });

  test('to which others can write is made private if it is empty, and refused otherwise', async () => {
    await using dir = await makeTempDir();
    for (const mode of [0o777, 0o770, 0o1777, 0o702]) {
      const path = join(dir.path, mode.toString(8));
      await mkdir(path);
      await chmod(path, mode);
      await openPrivateFolder(path);
      assert.equal((await stat(path)).mode & 0o7777, 0o700);
      await chmod(path, mode);
      await writeFile(join(path, 'planted'), '');
      await assert.rejects(
        openPrivateFolder(path),
        refused(/other users can write to it \(mode \d+\)/, /Run: chmod 700 /),
      );
      assert.equal((await stat(path)).mode & 0o7777, mode);
    }
  });

  test('of another user is refused, for root too, and so is that user’s link', async (t) => {
    if (!isRoot) return t.skip('needs root, to become other users');
    await using dir = await makeTempDir();
    await chmod(dir.path, 0o755);
    const path = join(dir.path, 'state');
    await mkdir(path, { mode: 0o700 });
    await chown(path, mallory, mallory);
    await assert.rejects(openPrivateFolder(path), refused(/another user \(uid 4242\)/, /^Run this as that user/));
    await assert.rejects(
      asOrdinaryUser(() => openPrivateFolder(path)),
      refused(/another user \(uid 4242\)/, /Run: sudo chown -R "\$\(id -un\)" /),
    );
    const link = join(dir.path, 'link');
    await chown(path, 0, 0);
    await symlink(path, link);
    await openPrivateFolder(link);
    execFileSync('chown', ['--no-dereference', String(mallory), link]);
    await assert.rejects(openPrivateFolder(link), refused(/another user \(uid 4242\)/, /Run this as that user/));
    // Root can change everything anyway.
    await chown(dir.path, bob, bob);
    await chmod(path, 0o755);
    await asOrdinaryUser(() => openPrivateFolder(path));
  });
});

describe('a planted link or pipe', () => {
  test('in place of a log receives nothing, and is reported', async () => {
    await using dir = await makeTempDir();
    const [victim, log, pipe] = ['victim', 'runner.log', 'pipe.log'].map((name) => join(dir.path, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(victim, 'mine');
    await symlink(victim, log);
    execFileSync('mkfifo', [pipe]);
    for (const path of [log, pipe]) {
      // Without blocking for a reader of the pipe.
      using file = new RotatingFile(path, { maxBytes: 1000, keep: 1 });
      file.write('line\n');
      await assert.rejects(requirePrivateFile(path), refused(/is not a regular file/, /Run: rm /));
    }
    assert.equal(await readFile(victim, 'utf8'), 'mine');
    // Never advice to remove what the system needs.
    for (const path of ['/dev/null', dir.path])
      await assert.rejects(requirePrivateFile(path), refused(/is not a regular file/, /^Choose another file\.$/));
    await requirePrivateFile(victim);
    await requirePrivateFile(join(dir.path, 'missing'));
  });

  test('in place of the lock is not opened', async () => {
    await using dir = await makeTempDir();
    await writeFile(join(dir.path, 'victim'), '');
    await symlink('victim', join(dir.path, 'lock'));
    assert.throws(() => tryLockFolder(dir.path), /cannot lock .*: it is not a regular file/);
    assert.equal(await readFile(join(dir.path, 'victim'), 'utf8'), '');
  });
});
