/** run-command and processes, with real processes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { isAlive } from '../../test/support/job-folder.ts';
import { asOrdinaryUser } from '../../test/support/ordinary-user.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { listProcesses, treeOfGroup } from './processes.ts';
import { isCommandInstalled, runCommand } from './run-command.ts';

const env = { PATH: '/usr/bin:/bin', X: 'é' };
const sh = (script: string, options = {}) => runCommand('/bin/sh', ['-c', script], { env, ...options });

describe('a command', () => {
  test('returns exit code and output', async () => {
    assert.deepEqual(await sh('printf "$X"; printf err >&2; exit 3'), { exitCode: 3, stdout: 'é', stderr: 'err' });
    assert.deepEqual(await sh('exit 0'), { exitCode: 0, stdout: '', stderr: '' });
    assert.equal((await sh('kill -9 $$')).exitCode, undefined);
  });

  test('gets its arguments unchanged, and no standard input', async () => {
    const args = ['a b', '$X', ';', '`x`', "'", ''];
    const { stdout } = await runCommand('/usr/bin/printf', ['<%s>', ...args], { env });
    assert.equal(stdout, args.map((arg) => `<${arg}>`).join(''));
    assert.equal((await sh('cat; echo end')).stdout, 'end\n');
  });

  test('that does not exist is an error', async () => {
    await assert.rejects(runCommand('no-such-command-42', [], { env }), { code: 'ENOENT' });
    await using dir = await makeTempDir();
    const path = join(dir.path, 'tool');
    await writeFile(path, '');
    await chmod(path, 0o644);
    await assert.rejects(runCommand(path, [], { env }), { code: 'EACCES' });
  });

  test('that does not exist is ENOENT even if a folder in the PATH is unreadable', async () => {
    await using dir = await makeTempDir();
    const closed = join(dir.path, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o000);
    const run = () => runCommand('no-such-command', [], { env: { PATH: `${closed}:/does/not/exist` } });
    await asOrdinaryUser(() => assert.rejects(run(), { code: 'ENOENT' }));
  });

  test('rejects with the signal’s reason, and stops at its timeout', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = sh('exec sleep 30', { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    await assert.rejects(sh('true', { signal: controller.signal }), (error) => error === reason);
    assert.equal((await sh('exec sleep 30', { timeoutMs: 30 })).exitCode, undefined);
  });

  test('that ignores SIGTERM is killed, even if its children hold the pipes open', async () => {
    const started = performance.now();
    assert.equal(
      (await sh(`trap '' TERM; sleep 4 & while :; do sleep 1; done`, { timeoutMs: 30 })).exitCode,
      undefined,
    );
    assert.ok(performance.now() - started > 1000, 'it had its time');
  });

  test('that ignores SIGTERM does not outlive an abort for long', async () => {
    await using dir = await makeTempDir();
    const pidFile = join(dir.path, 'pid');
    const controller = new AbortController();
    const running = sh(`trap '' TERM; echo $$ >${pidFile}; while :; do sleep 0.1; done`, { signal: controller.signal });
    const pid = await eventually(async () => Number(await readFile(pidFile, 'utf8').catch(() => '')) || undefined);
    controller.abort();
    await assert.rejects(running);
    await eventually(async () => !isAlive(pid));
  });

  test('can have a lower priority than this process', async () => {
    const nice = async (options: { niceness?: number }) =>
      Number((await runCommand('/bin/sh', ['-c', 'sleep 0.2; nice'], { env: process.env, ...options })).stdout);
    assert.equal((await nice({ niceness: 5 })) - (await nice({})), 5);
  });

  test('with too much output is an error', async () => {
    await assert.rejects(sh('head -c 5000000 /dev/zero'), { code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' });
  });

  test('is installed if it is an executable file', async () => {
    await using dir = await makeTempDir();
    const path = join(dir.path, 'tool');
    const installed = () => isCommandInstalled('tool', { PATH: `/does/not/exist:${dir.path}` });
    assert.equal(await installed(), false);
    await writeFile(path, '');
    await chmod(path, 0o755);
    assert.equal(await installed(), true);
    assert.equal(await isCommandInstalled(path, {}), true);
    assert.equal(await isCommandInstalled(dir.path, env), false);
    assert.equal(await isCommandInstalled('sh', {}), false);
  });
});

describe('the tree of a process group', () => {
  test('contains its members and all their descendants', () => {
    const processes = [
      { pid: 10, parent: 1, group: 10 },
      { pid: 30, parent: 20, group: 30 },
      { pid: 20, parent: 10, group: 20 },
      { pid: 11, parent: 1, group: 10 },
      { pid: 50, parent: 1, group: 50 },
    ];
    assert.deepEqual(new Set(treeOfGroup(10, processes)), new Set([10, 11, 20, 30]));
    assert.deepEqual(treeOfGroup(99, processes), []);
  });

  test('is found among real processes with any name', async () => {
    const child = spawn('/bin/sh', ['-c', 'exec -a "odd ) name (" sleep 30 & setsid sleep 30 & wait'], {
      detached: true,
      stdio: 'ignore',
      env,
    });
    const group = child.pid ?? 0;
    try {
      const tree = await eventually(async () => {
        const pids = treeOfGroup(group, await listProcesses());
        return pids.length >= 2 && pids;
      });
      assert.ok(tree.includes(group) && !tree.includes(process.pid));
    } finally {
      for (const pid of treeOfGroup(group, await listProcesses())) process.kill(pid, 'SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });
});
