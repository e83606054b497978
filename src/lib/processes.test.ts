import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { commandLine } from './processes.ts';

test('a process has a command line until it exits, also while it executes another program', async () => {
  await using dir = await makeTempDir();
  const script = join(dir.path, 'again');
  // The one argument is the parent, without which it would never end.
  await writeFile(script, '#!/bin/sh\n[ "$PPID" = "$1" ] && exec "$0" "$1"\n', { mode: 0o755 });
  const child = spawn(script, [String(process.pid)], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  assert.ok(child.pid !== undefined);
  try {
    // Without the wait for the new program, one in a hundred is empty.
    for (let count = 0; count < 5000; count += 1) {
      assert.match(await commandLine(child.pid), /again/);
    }
  } finally {
    child.kill('SIGKILL');
  }
  await exited;
  assert.equal(await commandLine(child.pid), '');
});

test('a process that its parent has not waited for has no command line', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  // The process exits when its input ends, once its parent has become a program that never waits for children.
  const script = 'exec 3<&0 </dev/null; cat <&3 >/dev/null & echo $!; exec sleep 1000 3<&-';
  using parent = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [output] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(output.toString());
  await eventually(async () => (await commandLine(parent.pid ?? 0)).startsWith('sleep '));
  parent.stdin.end();
  await eventually(async () => / Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8')));
  const startedAt = performance.now();
  assert.equal(await commandLine(pid), '');
  assert.ok(performance.now() - startedAt < 1000);
});
