import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { ConfigFileChanged, readConfigFile, saveConfigFile } from './config-file.ts';

describe('the configuration file', () => {
  it('is made with its folder, for its owner only', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'a/b/plan42-runner.toml');
    const file = await readConfigFile(path);
    assert.deepEqual(file, { path, content: undefined });
    const saved = await saveConfigFile(file, '[runner]\n');
    assert.deepEqual(saved, await readConfigFile(path));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(dir.path, 'a/b'))).mode & 0o777, 0o700);
  });

  it('becomes private when it is saved, and nothing else is left in its folder', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'c.toml');
    await writeFile(path, 'a = 1\n');
    await chmod(path, 0o644);
    await saveConfigFile(await readConfigFile(path), 'a = 2\n');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir.path), ['c.toml']);
  });

  it('is not written when somebody else has changed, made or deleted it meanwhile', async () => {
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

  it('stays a link when it is one', async () => {
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

  it('that is not TOML is refused with the position', async () => {
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
});
