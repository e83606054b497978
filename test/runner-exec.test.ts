/** `plan42 runner exec` is the runner itself: one process, whose signals and exit code are the runner's. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

test('runner exec becomes the runner, and a signal drains it', async () => {
  await using plane = await startControlPlane();
  await using dir = await makeTempDir();
  const file = join(dir.path, 'plan42-runner.toml');
  const host = '[host]\nunisolated = true\ncommand = ["/bin/true"]\n[queues]\ndrain_time = "100ms"\npoll_wait = "1s"\n';
  const runner = `[runner]\nurl = "${plane.server.url}"\ntoken = "${await plane.newToken()}"\nruntime = "host"\n`;
  await writeFile(file, runner + host, { mode: 0o600 });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const registered = plane.logged('PUT', '/queues/');
    const args = ['runner', 'exec', '-c', file, '--state-dir', join(dir.path, 'state')];
    const child = spawn(join(import.meta.dirname, '../bin/plan42'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    await registered;
    assert.match(await readFile(`/proc/${child.pid}/cmdline`, 'utf8'), /plan42-runner\.mjs\0-c\0/);
    // As `ps`, `top` and `pgrep` show it.
    assert.equal(await nameOf(child.pid), 'plan42-runner');
    child.kill(signal);
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.match(log, /runner stopped/);
  }
});

test('the server has its name in ps, and keeps its command line', async () => {
  await using dir = await makeTempDir();
  await using server = await ServerProcess.start(dir.path);
  assert.equal(await nameOf(server.pid), 'plan42 server');
  assert.match(await readFile(`/proc/${server.pid}/cmdline`, 'utf8'), /plan42\.mjs\0server\0start\0/);
});

async function nameOf(pid: number | undefined): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
}
