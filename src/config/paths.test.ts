import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { defaultPaths, stateDirOption } from './paths.ts';

describe('paths of the runner', () => {
  it('resolves symbolic links, so that paths are unique', async () => {
    await using dir = await makeTempDir();
    await mkdir(join(dir.path, 'real/home'), { recursive: true });
    await symlink('real', join(dir.path, 'link'));
    const [direct, linked] = ['real', 'link'].map((name) =>
      defaultPaths({ HOME: join(dir.path, name, 'home') }, 'linux'),
    );
    assert.equal(linked?.stateDir, join(dir.path, 'real/home/.local/state/plan42-runner'));
    assert.equal(linked?.stateDir, direct?.stateDir);
    assert.equal(linked?.logDir, direct?.logDir);
    const named = defaultPaths({ HOME: '/', PLAN42_STATE_DIR: join(dir.path, 'link') }, 'linux');
    assert.deepEqual([named.stateDir, named.logDir], [join(dir.path, 'real'), join(dir.path, 'real/logs')]);
  });

  it('uses the home folder of the user database if HOME is unset', () => {
    for (const HOME of ['', 'relative', undefined]) {
      const { configFile } = defaultPaths({ HOME }, 'linux');
      assert.equal(configFile, join(userInfo().homedir, '.config/plan42-runner.toml'));
    }
  });

  it('commands get --state-dir only for a non-default folder', () => {
    const env = { HOME: '/home/me' };
    assert.equal(stateDirOption(defaultPaths(env), env), '');
    const elsewhere = { ...env, PLAN42_STATE_DIR: '/srv/two words' };
    assert.equal(stateDirOption(defaultPaths(elsewhere), elsewhere), "--state-dir '/srv/two words' ");
  });
});
