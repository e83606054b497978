/** Short commands whose output cannot be written: a closed pipe ends them quietly, a full disk is an error. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { makeBlockableOutput, makeBreakableOutput } from './support/breakable-output.ts';
import { eventually } from './support/eventually.ts';
import { makeRunnerHome, type RunnerHome } from './support/runner-home.ts';
import { ServerProcess } from './support/server-process.ts';

const bin = join(import.meta.dirname, '../bin');

interface Outputs {
  stdout?: number;
  stderr?: number;
}

async function run(home: RunnerHome, line: string, { stdout, stderr }: Outputs) {
  const [name = '', ...args] = line.split(' ');
  const child = spawn(join(bin, name), args, {
    env: { PATH: process.env['PATH'], HOME: home.path, PLAN42_STATE_DIR: home.path },
    stdio: ['ignore', stdout ?? 'ignore', stderr ?? 'pipe'],
  });
  const message = child.stderr === null ? '' : text(child.stderr);
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return { exitCode, message: await message };
}

/** Calls `use` with an output that is broken from the start. */
async function withOutput<T>(breakage: 'closed' | 'full', use: (fd: number) => Promise<T>): Promise<T> {
  if (breakage === 'closed') {
    await using output = await makeBreakableOutput('closed');
    await output.break();
    return await use(output.fd);
  }
  const fd = openSync('/dev/full', 'w');
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

suite('output of commands', { timeout: 120_000, concurrency: 3 }, () => {
  for (const line of [
    'plan42 --help',
    'plan42 --version',
    'plan42 completion bash',
    'plan42 runner config list --all',
    'plan42 runner job list -a',
    'plan42-runner --help',
    'plan42-runner --version',
    'plan42-runner-config --help',
  ]) {
    test(line, async () => {
      await using home = await makeRunnerHome();
      await home.add();
      const closed = await withOutput('closed', (stdout) => run(home, line, { stdout }));
      assert.deepEqual(closed, { exitCode: 0, message: '' });
      const full = await withOutput('full', (stdout) => run(home, line, { stdout }));
      assert.equal(full.exitCode, 1);
      assert.match(full.message, /^ERROR: cannot write the output: .*no space left on device.*\n$/);
    });
  }

  for (const [line, exitCode] of [
    ['plan42 runner config get no.such_setting', 2],
    ['plan42 runner no-such-command', 2],
    ['plan42 server task list', 1],
    ['plan42-runner', 3],
    ['plan42-runner --no-such-option', 2],
    ['plan42-runner-config', 2],
  ] as const) {
    test(`${line}: the exit code does not depend on standard error`, async () => {
      await using home = await makeRunnerHome();
      for (const breakage of ['closed', 'full'] as const) {
        const ended = await withOutput(breakage, (stderr) => run(home, line, { stderr }));
        assert.equal(ended.exitCode, exitCode, breakage);
      }
    });
  }

  test('a token that could not be written is named, so that it can be revoked', async () => {
    await using home = await makeRunnerHome();
    await using server = await ServerProcess.start(join(home.path, 'server'));
    for (const breakage of ['full', 'closed'] as const) {
      const line = `plan42 server token create --data ${server.dataDir}`;
      const { message } = await withOutput(breakage, (stdout) => run(home, line, { stdout }));
      assert.match(message, /^Token ([\w-]+) could not be written\. Revoke it: plan42 server token revoke \1$/m);
      assert.ok(!message.includes('p42r_'));
    }
  });

  test('stop explains how to stop a server that is no service', async () => {
    await using home = await makeRunnerHome();
    await using _server = await ServerProcess.start(join(home.path, '.local/share/plan42-server'));
    const { exitCode, message } = await run(home, 'plan42 server stop', {});
    assert.notEqual(exitCode, 0);
    assert.match(message, /^ERROR: the running server .* was not started as a service\. Stop it with Ctrl-C/);
  });

  test('a command whose output is not read waits, and can be interrupted', async () => {
    await using home = await makeRunnerHome();
    const { jobId } = await home.add();
    await writeFile(home.store.paths(jobId).logFile, 'a line\n'.repeat(100_000));
    await using output = await makeBlockableOutput('unread');
    await output.break();
    const child = spawn(join(bin, 'plan42'), ['runner', 'job', 'logs', jobId], {
      env: { PATH: process.env['PATH'], PLAN42_STATE_DIR: home.path },
      stdio: ['ignore', output.fd, 'pipe'],
    });
    const ended = once(child, 'exit');
    // It handles signals once it has loaded.
    await eventually(() => handlesHangup(child.pid));
    child.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
  });
});

/** Whether the process handles SIGHUP. Node.js itself handles SIGINT. */
async function handlesHangup(pid: number | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  return (caught & (1n << BigInt(constants.signals.SIGHUP - 1))) !== 0n;
}
