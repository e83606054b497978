/** Commands whose output cannot be written: a closed pipe ends them quietly, a full disk is an error. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { canMount, makeBlockableOutput, makeBreakableOutput } from './support/breakable-output.ts';
import { eventually } from './support/eventually.ts';
import { handlesHangup } from './support/process-usage.ts';
import { makeRunnerHome, type RunnerHome } from './support/runner-home.ts';
import { ServerProcess } from './support/server-process.ts';

const bin = join(import.meta.dirname, '../bin');

interface Outputs {
  stdout?: number | 'ignore';
  stderr?: number;
}

function start(home: RunnerHome, line: string, { stdout, stderr }: Outputs) {
  const [name = '', ...args] = line.split(' ');
  const child = spawn(join(bin, name), args, {
    env: { PATH: process.env['PATH'], HOME: home.path, PLAN42_STATE_DIR: home.path },
    stdio: ['ignore', stdout ?? 'pipe', stderr ?? 'pipe'],
  });
  const message = child.stderr === null ? '' : text(child.stderr);
  const ended = async () => {
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    return { exitCode, message: await message };
  };
  return { child, ended: ended() };
}

function run(home: RunnerHome, line: string, { stdout = 'ignore', stderr }: Outputs) {
  return start(home, line, { stdout, ...(stderr !== undefined && { stderr }) }).ended;
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

  // A pipe holds 64 KiB, and so does the small disk.
  for (const [phase, lines, args] of [
    ['in the middle', 200_000, []],
    ['at the end', 9000, []],
    ['while following', 1, ['-f']],
  ] as const) {
    test(`an output that breaks ${phase}`, async (t) => {
      await using home = await makeRunnerHome();
      const log = join(home.path, 'logs/runner.log');
      const write = async (count: number) => appendFile(log, '1234567\n'.repeat(count));
      await write(lines);
      const line = ['plan42', 'runner', 'logs', ...args].join(' ');
      const closed = start(home, line, {});
      await once(closed.child.stdout ?? closed.child, 'data');
      closed.child.stdout?.destroy();
      await write(1);
      assert.deepEqual(await closed.ended, { exitCode: 0, message: '' });

      if (!canMount(t)) return;
      await using disk = await makeBreakableOutput('full');
      const full = start(home, line, { stdout: disk.fd });
      if (phase === 'while following') {
        await eventually(async () => fstatSync(disk.fd).size > 0);
        await disk.break();
        await write(1);
      }
      const { exitCode, message } = await full.ended;
      assert.equal(exitCode, 1);
      assert.match(message, /^ERROR: cannot write the output: .*no space left on device.*\n$/);
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
      assert.match(
        message,
        /^Token ([\w-]+) could not be written\. Revoke it: plan42 server token revoke --data \S+ \1$/m,
      );
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
    await eventually(() => handlesHangup(child.pid ?? 0));
    child.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
  });
});
