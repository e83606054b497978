import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { ConfigFileChanged, changeConfigFile, readConfigFile, saveConfigFile } from './edit-file.ts';
import { loadConfig } from './load.ts';

const isRoot = process.getuid?.() === 0;

describe('the configuration file', () => {
  it('is created with its folder, for its owner only', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'a/b/plan42-runner.toml');
    const file = await readConfigFile(path);
    assert.deepEqual(file, { path, content: undefined });
    const saved = await saveConfigFile(file, '[runner]\n');
    assert.deepEqual(saved, await readConfigFile(path));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(dir.path, 'a/b'))).mode & 0o777, 0o700);
  });

  it('of a user is closed to others when saved, and leaves no temporary file', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(path, 'a = 1\n');
    await chmod(path, 0o644);
    if (isRoot) for (const each of [path, dir.path]) await chown(each, 65_534, 0);
    await asOrdinaryUser(async () => saveConfigFile(await readConfigFile(path), 'a = 2\n'));
    assert.equal((await stat(path)).mode & 0o777, 0o640);
    assert.deepEqual(await readdir(dir.path), ['c.toml']);
  });

  it('of another user can be read by that user after root has changed it', async (t) => {
    if (!isRoot) return t.skip('needs root, to become other users');
    await using dir = await makeTempDir();
    await chmod(dir.path, 0o755);
    const path = join(dir.path, 'c.toml');
    await writeFile(path, 'a = 1\n', { mode: 0o600 });
    for (const [uid, gid, mode] of [
      [65_534, 65_534, 0o600],
      [0, 65_534, 0o640],
      [0, 0, 0o644],
    ] as const) {
      await chown(path, uid, gid);
      await chmod(path, mode);
      await changeConfigFile(path, ({ content = '' }) => `${content}b${mode} = 1\n`);
      const { stdout } = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', path]);
      assert.match(stdout.toString(), new RegExp(`^b${mode} = 1$`, 'm'));
    }
    // A new file in a user's folder is that user's, and so are its missing folders.
    await mkdir(join(dir.path, 'home'));
    await chown(join(dir.path, 'home'), 65_534, 65_534);
    const created = join(dir.path, 'home/.config/c.toml');
    await changeConfigFile(created, () => 'a = 1\n');
    for (const each of [created, join(dir.path, 'home/.config')]) assert.equal((await stat(each)).uid, 65_534);
  });

  it('is changed in a folder that is read-only, and refused with its owner if it is not writable', async (t) => {
    if (!isRoot) return t.skip('needs root, to become other users');
    await using dir = await makeTempDir();
    await chmod(dir.path, 0o755);
    const path = join(dir.path, 'c.toml');
    await writeFile(path, 'a = 1\n');
    await chown(path, 65_534, 0);
    await asOrdinaryUser(() => changeConfigFile(path, () => 'a = 2\n'));
    assert.equal(await readFile(path, 'utf8'), 'a = 2\n');
    await chown(path, 0, 0);
    await chmod(path, 0o644);
    await assert.rejects(
      asOrdinaryUser(() => changeConfigFile(path, () => 'a = 3\n')),
      (error) =>
        error instanceof UserError && /belongs to another user\. Run this as that user/.test(error.remedy ?? ''),
    );
    assert.equal(await readFile(path, 'utf8'), 'a = 2\n');
  });

  it('is not written if another program has changed, created or deleted it', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    const missing = await readConfigFile(path);
    await writeFile(path, 'a = 1\n');
    await assert.rejects(saveConfigFile(missing, 'a = 2\n'), ConfigFileChanged);
    const found = await readConfigFile(path);
    await writeFile(path, 'a = 3\n');
    await assert.rejects(saveConfigFile(found, 'a = 2\n'), ConfigFileChanged);
    assert.equal(await readFile(path, 'utf8'), 'a = 3\n');
  });

  it('stays a symbolic link', async () => {
    await using dir = await makeTempDir();
    await mkdir(join(dir.path, 'dotfiles'));
    const target = join(dir.path, 'dotfiles/runner.toml');
    const path = join(dir.path, 'c.toml');
    await writeFile(target, 'a = 1\n');
    await symlink('dotfiles/runner.toml', path);
    await saveConfigFile(await readConfigFile(path), 'a = 2\n');
    assert.ok((await lstat(path)).isSymbolicLink());
    assert.equal(await readFile(target, 'utf8'), 'a = 2\n');
  });

  it('that is not TOML is rejected with the position', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(path, '[runner\n');
    await assert.rejects(
      readConfigFile(path),
      (error) =>
        error instanceof UserError &&
        error.exitCode === ExitCode.configuration &&
        error.message.startsWith(`${path}:2:1: `),
    );
  });

  it('that is not a regular file is rejected without blocking', async () => {
    await using dir = await makeTempDir();
    const pipe = join(dir.path, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const cases: [path: string, kind: RegExp][] = [
      [pipe, /is a pipe, not a file$/],
      ['/dev/zero', /is a device, not a file$/],
      [dir.path, /is a folder, not a file$/],
    ];
    for (const [path, kind] of cases) {
      const refused = (error: unknown) =>
        error instanceof UserError && error.exitCode === ExitCode.configuration && kind.test(error.message);
      await assert.rejects(readConfigFile(path), refused, path);
      await assert.rejects(loadConfig({ path, explicit: true, env: {} }), refused, path);
    }
  });

  it('may begin with a byte order mark, which is dropped', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(path, '\uFEFF[jobs]\npids = 99\n', { mode: 0o600 });
    assert.equal((await loadConfig({ path, explicit: true, env: {} })).config.jobs.pids, 99);
    await changeConfigFile(path, ({ content }) => `${content}cpus = 1\n`);
    assert.equal(await readFile(path, 'utf8'), '[jobs]\npids = 99\ncpus = 1\n');
  });

  it('that is not UTF-8 is rejected with the line, and not changed', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    const latin1 = Buffer.from('[jobs]\n# ä\npids = 99\n', 'latin1');
    await writeFile(path, latin1);
    const refused = (error: unknown) =>
      error instanceof UserError && error.message === `${path}:2: this line is not UTF-8 text`;
    await assert.rejects(readConfigFile(path), refused);
    await assert.rejects(
      changeConfigFile(path, () => ''),
      refused,
    );
    await assert.rejects(loadConfig({ path, explicit: true, env: {} }), refused);
    assert.deepEqual(await readFile(path), latin1);
  });

  it('is created at the target of a dangling link', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await symlink('second', path);
    await symlink('dotfiles/runner.toml', join(dir.path, 'second'));
    await saveConfigFile(await readConfigFile(path), 'a = 2\n');
    assert.ok((await lstat(path)).isSymbolicLink());
    assert.equal(await readFile(join(dir.path, 'dotfiles/runner.toml'), 'utf8'), 'a = 2\n');
  });

  it('serialises changes through different links, and leaves no lock file', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    const link = join(dir.path, 'link.toml');
    await symlink('c.toml', link);
    const change = (index: number) =>
      changeConfigFile(index % 2 === 0 ? path : link, ({ content = '' }) => `${content}k${index} = 1\n`);
    await Promise.all(Array.from({ length: 20 }, (_, index) => change(index)));
    assert.equal((await readFile(path, 'utf8')).trimEnd().split('\n').length, 20);
    assert.deepEqual((await readdir(dir.path)).toSorted(), ['c.toml', 'link.toml']);
  });

  it('is changed again after a write by a program that ignores the lock', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(path, 'a = 1\n');
    let calls = 0;
    await changeConfigFile(path, ({ content = '' }) => {
      calls += 1;
      if (calls === 2) writeFileSync(path, 'a = 1\nb = 2\n');
      return `${content}c = 3\n`;
    });
    assert.equal(await readFile(path, 'utf8'), 'a = 1\nb = 2\nc = 3\n');
  });

  it('is changed after the holder of its lock was killed', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(join(dir.path, '.c.toml.lock'), '', { mode: 0o600 });
    await changeConfigFile(path, () => 'a = 1\n');
    assert.deepEqual(await readdir(dir.path), ['c.toml']);
  });
});
