import assert from 'node:assert/strict';
import { type SpawnSyncOptionsWithStringEncoding, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
const plan42 = join(root, 'bin/plan42');
const { PATH = '' } = process.env;

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), 'plan42-launcher-'));

function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; path?: string } = {},
): SpawnSyncReturns<string> {
  return spawnSync(file, args, { encoding: 'utf8', cwd: options.cwd, env: { PATH: options.path ?? PATH } });
}

/** Puts a `node` into `folder` that reports version 18, and rejects everything else. */
async function oldNode(folder: string): Promise<string> {
  const node = join(folder, 'node');
  await writeFile(node, '#!/bin/sh\n[ "$1" = -p ] && echo 18 && exit\necho "old node was started" >&2\nexit 99\n');
  await chmod(node, 0o755);
  return `${folder}:${PATH}`;
}

describe('bin/plan42, made by `make build`', () => {
  it('starts from another directory', () => {
    const { status, stdout, stderr } = run(plan42, ['--version'], { cwd: tmpdir() });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^\d+\.\d+\.\d+\S* \(([0-9a-f]{9}, )?\w+-\w+, Node\.js 26\.\S+\)\n$/);
  });

  it('starts through a chain of absolute and relative symbolic links', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'a b'));
    await symlink(plan42, join(folder.path, 'a b', 'first'));
    await symlink('a b/first', join(folder.path, 'second'));
    await symlink(join(folder.path, 'second'), join(folder.path, 'a b', 'third'));
    for (const name of ['a b/first', 'second', 'a b/third']) {
      const { status, stderr } = run(join(folder.path, name), ['--version'], { cwd: '/' });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' }, name);
    }
    assert.equal(run('./second', ['--version'], { cwd: folder.path }).status, 0);
  });

  it('does not use an older node that is first in the PATH', async () => {
    await using folder = await temporaryFolder();
    const path = await oldNode(folder.path);
    const { status, stderr } = run(plan42, ['--version'], { path });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('reports the required version if there is no other node', async () => {
    await using folder = await temporaryFolder();
    const path = await oldNode(folder.path);
    await mkdir(join(folder.path, 'bin'));
    await cp(plan42, join(folder.path, 'bin/plan42'));
    const { status, stdout, stderr } = run(join(folder.path, 'bin/plan42'), ['--version'], { path });
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    assert.match(
      stderr,
      /^ERROR: plan42 needs Node\.js 26 or newer\. Run "npm install" in \S+, or install Node\.js 26\.\n$/,
    );
  });

  it('uses a recent node from the PATH if the checkout has none', async () => {
    await using folder = await temporaryFolder();
    await cp(dirname(plan42), join(folder.path, 'bin'), { recursive: true });
    await cp(join(root, 'dist/js'), join(folder.path, 'dist/js'), { recursive: true });
    const { status, stderr } = run(join(folder.path, 'bin/plan42'), ['--version'], {
      path: `${dirname(process.execPath)}:${PATH}`,
    });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });
});

describe('plan42 as a process', () => {
  it('becomes plan42-runner for `runner exec`, from the bundle and from the source', () => {
    const direct = run(join(root, 'bin/plan42-runner'), ['--no-such-option']);
    assert.notEqual(direct.status, 0);
    const source = [join(root, 'src/bin/plan42.ts'), 'runner', 'exec', '--no-such-option'];
    for (const { status, stdout, stderr } of [
      run(plan42, ['runner', 'exec', '--no-such-option']),
      run(process.execPath, source),
    ]) {
      assert.deepEqual([status, stdout, stderr], [direct.status, direct.stdout, direct.stderr]);
    }
  });

  it('becomes plan42-runner-config for `runner config`, which needs a terminal', () => {
    const direct = run(join(root, 'bin/plan42-runner-config'), ['-c', 'x.toml']);
    assert.equal(direct.status, 2);
    const { status, stdout, stderr } = run(plan42, ['runner', 'config', '-c', 'x.toml']);
    assert.deepEqual([status, stdout, stderr], [direct.status, direct.stdout, direct.stderr]);
  });

  it('stops a server with exit code 0 on SIGTERM and SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      await using folder = await temporaryFolder();
      const child = spawn(plan42, ['server', 'start', '--listen', '0', '--data', join(folder.path, 'data')], {
        env: { PATH },
      });
      await once(child.stdout, 'data');
      child.kill(signal);
      assert.deepEqual(await once(child, 'close'), [0, null]);
    }
  });

  it('exits without an error when its reader is gone', () => {
    const script =
      'set -o pipefail; for i in 1 2 3 4 5; do "$0" server task create --help | true || exit; "$0" runner exec --help | true || exit; done';
    // Bash reads ~/.bashrc when its standard input is a socket.
    const options = {
      encoding: 'utf8',
      env: { PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    } satisfies SpawnSyncOptionsWithStringEncoding;
    const { status, stderr } = spawnSync('bash', ['-c', script, plan42], options);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

  it('reports a bug with its position in the source', () => {
    const script = 'process.getBuiltinModule("os").userInfo = () => { throw new TypeError("broken"); }';
    const preload = `data:text/javascript,${encodeURIComponent(script)}`;
    // Without HOME, it asks the system for the home folder.
    for (const name of ['plan42.mjs', 'plan42-runner.mjs']) {
      const args = name === 'plan42.mjs' ? ['runner', 'status'] : [];
      const { status, stderr } = run(process.execPath, ['--import', preload, join(root, 'dist/js', name), ...args]);
      assert.equal(status, 1);
      assert.match(stderr, /^ERROR: unexpected failure, please report it: TypeError: broken\n/);
      assert.match(stderr, /at homeFolder \(\S+\/src\/config\/paths\.ts:\d+:\d+\)/);
    }
  });

  it('responds to --help and --version without loading the commands', () => {
    const script =
      'process.on("exit", () => console.error(process.moduleLoadList.filter((name) => /sqlite|http|tls/.test(name)).join()))';
    const preload = `data:text/javascript,${encodeURIComponent(script)}`;
    const bundle = join(root, 'dist/js/plan42.mjs');
    const { status, stderr } = run(process.execPath, ['--import', preload, bundle, '--help']);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '\n' });
  });
});
