import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { loadConfig } from './load.ts';
import { defaultPaths } from './paths.ts';

let dir: TempDir;
before(async () => {
  dir = await makeTempDir();
});
after(() => dir[Symbol.asyncDispose]());

async function write(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(dir.path, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

const load = (path: string, explicit = true) => loadConfig({ path, explicit, env: {} });

const userError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError);
  assert.equal(error.exitCode, ExitCode.configuration);
  assert.match(error.message, pattern);
  assert.ok(error.remedy);
  return true;
};

describe('loading', () => {
  test('returns the configuration without warnings', async () => {
    const path = await write('good.toml', '[jobs]\nmax_jobs = 2');
    const { config, ...rest } = await load(path);
    assert.equal(config.jobs.maxJobs, 2);
    assert.deepEqual(rest, { path, found: true, warnings: [] });
  });

  test('requires a file only if it was named', async () => {
    const path = join(dir.path, 'missing.toml');
    const { found, warnings } = await load(path, false);
    assert.deepEqual({ found, warnings }, { found: false, warnings: [] });
    await assert.rejects(load(path), userError(/configuration file .*missing\.toml not found/));
  });

  test('rejects a folder', async () => {
    const path = join(dir.path, 'folder.toml');
    await mkdir(path);
    for (const explicit of [true, false])
      await assert.rejects(load(path, explicit), userError(/is a folder, not a file/));
  });

  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    test(`warns of the mode ${mode.toString(8)}`, async () => {
      const { warnings } = await load(await write('open.toml', '', mode));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', /open\.toml.*chmod 600/);
    });
  }

  test('does not warn of a file that only its owner can read', async () => {
    assert.deepEqual((await load(await write('read-only.toml', '', 0o400))).warnings, []);
  });

  test('reports every error with file, line and column, and no token', async () => {
    const path = await write('bad.toml', '[jobs]\nmax_jobs = "p42r_secret"\n  pids = 1\ncpu = 1');
    await assert.rejects(load(path), (error: UserError) => {
      userError(/invalid/)(error);
      assert.ok(error.message.includes(`${path}:2:1: jobs.max_jobs is`));
      assert.ok(error.message.includes(`${path}:3:3: jobs.pids is`));
      assert.doesNotMatch(error.message, /secret|\n/);
      return true;
    });
  });

  test('warns of unknown keys with file, line and column', async () => {
    const path = await write('unknown.toml', '[jobs]\nmax_job = 1');
    const { warnings } = await load(path);
    assert.deepEqual(warnings, [`${path}:2:1: unknown key "jobs.max_job", did you mean "max_jobs"?`]);
  });
});

describe('paths', () => {
  const paths = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform) => Object.values(defaultPaths(env, platform));

  test('on Linux', () => {
    assert.deepEqual(paths({ HOME: '/home/me' }, 'linux'), [
      '/home/me/.config/plan42-runner.toml',
      '/home/me/.local/state/plan42-runner',
      '/home/me/.local/state/plan42-runner/logs',
    ]);
    assert.deepEqual(paths({ HOME: '/home/me', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s' }, 'linux'), [
      '/c/plan42-runner.toml',
      '/s/plan42-runner',
      '/s/plan42-runner/logs',
    ]);
    // The XDG specification: relative paths and empty variables do not count.
    for (const value of ['', 'relative']) {
      const env = { HOME: '/home/me', XDG_CONFIG_HOME: value, XDG_STATE_HOME: value };
      assert.deepEqual(paths(env, 'linux'), paths({ HOME: '/home/me' }, 'linux'));
    }
  });

  test('on macOS, where XDG does not count', () => {
    assert.deepEqual(paths({ HOME: '/Users/me', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s' }, 'darwin'), [
      '/Users/me/.config/plan42-runner.toml',
      '/Users/me/Library/Application Support/ai.plan42.runner',
      '/Users/me/Library/Logs/ai.plan42.runner',
    ]);
  });
});
