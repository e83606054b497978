import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { commandLine } from './processes.ts';
import { runCommand } from './run-command.ts';

const env = process.env;
const writePid = 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 60';

test('a command that exits with its parent otherwise runs like any other', async () => {
  const run = (...args: string[]) => runCommand('/bin/sh', ['-c', ...args], { env, exitWithParent: true });
  assert.deepEqual(await run('echo "$0"; echo "$1" >&2; exit 7', 'a  b', '$(c)'), {
    exitCode: 7,
    stdout: 'a  b\n',
    stderr: '$(c)\n',
  });
  assert.deepEqual(await run('cat; exit 0'), { exitCode: 0, stdout: '', stderr: '' });
  assert.equal((await runCommand('/does/not/exist', [], { env, exitWithParent: true })).exitCode, 127);
});

test('the command exits when it is aborted or times out', async () => {
  await using dir = await makeTempDir();
  const pidFile = join(dir.path, 'pid');
  const { exitCode } = await runCommand('sleep', ['60'], { env, exitWithParent: true, timeoutMs: 100 });
  assert.notEqual(exitCode, 0);
  const enough = new AbortController();
  const running = runCommand('/bin/sh', ['-c', writePid, pidFile], {
    env,
    exitWithParent: true,
    signal: enough.signal,
  });
  const pid = await readPid(pidFile);
  enough.abort();
  await assert.rejects(running);
  await eventually(async () => (await commandLine(pid)) === '');
});

test('the command exits when its parent is killed', async () => {
  await using dir = await makeTempDir();
  const pidFile = join(dir.path, 'pid');
  const program = `
    import { runCommand } from ${JSON.stringify(new URL('run-command.ts', import.meta.url).href)};
    await runCommand('/bin/sh', ['-c', ${JSON.stringify(writePid)}, ${JSON.stringify(pidFile)}], { env: process.env, exitWithParent: true });`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
  const pid = await readPid(pidFile);
  assert.match(await commandLine(pid), /sleep/);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await eventually(async () => (await commandLine(pid)) === '');
});

async function readPid(file: string): Promise<number> {
  return Number(await eventually(() => readFile(file, 'utf8').catch(() => undefined)));
}
