import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { isAlive, type JobFolder, makeJobFolder } from '../../test/support/job-folder.ts';
import { forget, isShim, LaunchError, launch, readState, waitForExit, waitForStart } from './shim.ts';

const env = { PATH: '/usr/bin:/bin' };

/** Launches a shell script as the job's command. */
const start = (job: JobFolder, script: string, ...args: string[]) =>
  launch({ job, command: ['/bin/sh', '-c', script, 'job', ...args], env, cwd: '/' });

async function runningPid(job: JobFolder): Promise<number> {
  return eventually(async () => {
    const state = await readState(job.folder);
    return state.phase === 'running' ? state.pid : undefined;
  });
}

describe('the shim records the exit code', () => {
  for (const [script, exitCode] of [
    ['exit 0', 0],
    ['exit 3', 3],
    ['exit 255', 255],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
    ['kill -HUP $$', 129],
  ] as const) {
    test(`${script}: ${exitCode}`, async () => {
      await using job = await makeJobFolder();
      const before = Date.now();
      await start(job, script);
      const exit = await waitForExit(job.folder);
      assert.equal(exit.exitCode, exitCode);
      assert.ok(exit.endedAt.getTime() >= before - 1000 && exit.endedAt.getTime() <= Date.now() + 1000);
      // However late it is asked, the answer is the same.
      assert.deepEqual(await waitForExit(job.folder), exit);
    });
  }

  test('of a command that cannot be run', async () => {
    await using job = await makeJobFolder();
    await launch({ job, command: ['/does/not/exist'], env, cwd: '/' });
    assert.equal((await waitForExit(job.folder)).exitCode, 127);
    assert.match(await job.readLog(), /not found/);
  });
});

describe('the command of a shim', () => {
  test('writes standard output and error to the log, in order, below the existing content', async () => {
    await using job = await makeJobFolder();
    await writeFile(job.logFile, 'before\n');
    await start(job, 'for i in 1 2 3; do echo out$i; echo err$i >&2; done');
    await waitForExit(job.folder);
    assert.equal(await job.readLog(), 'before\nout1\nerr1\nout2\nerr2\nout3\nerr3\n');
  });

  test('writes to a log that only its owner can read', async () => {
    await using job = await makeJobFolder();
    await start(job, 'exit 0');
    await waitForExit(job.folder);
    assert.equal((await stat(job.logFile)).mode & 0o777, 0o600);
  });

  test('reads the request to its end', async () => {
    const request = '{"a": "é\\n"}'.repeat(20_000);
    await using job = await makeJobFolder(request);
    await start(job, 'cat; echo; echo "end of input"');
    await waitForExit(job.folder);
    assert.equal(await job.readLog(), `${request}\nend of input\n`);
  });

  test('gets its arguments and environment as they are', async () => {
    await using job = await makeJobFolder();
    await start(job, 'printf "<%s>" "$@"; printf "%s" "$PATH"', 'a b', '$HOME', '', "it's", '*', '"');
    await waitForExit(job.folder);
    assert.equal(await job.readLog(), `<a b><$HOME><><it's><*><">${env.PATH}`);
  });

  test('may have any folder', async () => {
    await using job = await makeJobFolder('hello', `it's a "folder" $HOME \`x\` ;é*\\`);
    await start(job, 'cat');
    assert.equal((await waitForExit(job.folder)).exitCode, 0);
    assert.equal(await job.readLog(), 'hello');
  });

  test('has no handler of signals that it did not make', async () => {
    await using job = await makeJobFolder();
    await start(job, 'kill -INT $$; echo survived');
    assert.equal((await waitForExit(job.folder)).exitCode, 130);
    assert.equal(await job.readLog(), '');
  });
});

describe('the state', () => {
  test('goes from none over running to exited, with one mark at a time', async () => {
    await using job = await makeJobFolder();
    const marks = async () => (await readdir(job.folder)).filter((name) => name.startsWith('supervisor.'));
    assert.deepEqual(await readState(job.folder), { phase: 'none' });
    assert.deepEqual(await readState(join(job.folder, 'missing')), { phase: 'none' });
    await start(job, 'while [ ! -e "$1/go" ]; do sleep 0.02; done; exit 5', job.folder);
    const pid = await runningPid(job);
    assert.deepEqual(await marks(), [`supervisor.running.${pid}`]);
    assert.ok(await isShim(pid, job.folder));
    await writeFile(join(job.folder, 'go'), '');
    assert.equal((await waitForExit(job.folder)).exitCode, 5);
    assert.deepEqual(await marks(), ['supervisor.exited.5']);
    assert.equal((await readState(job.folder)).phase, 'exited');
    await forget(job.folder);
    assert.deepEqual(await readState(job.folder), { phase: 'none' });
  });

  test('lets a job be launched once, running or ended', async () => {
    await using job = await makeJobFolder();
    await start(job, 'echo one; while [ ! -e "$1/go" ]; do sleep 0.02; done', job.folder);
    await runningPid(job);
    await assert.rejects(start(job, 'echo two'), LaunchError);
    await writeFile(join(job.folder, 'go'), '');
    await waitForExit(job.folder);
    await assert.rejects(start(job, 'echo three'), LaunchError);
    assert.equal(await job.readLog(), 'one\n');
  });

  test('is that of the folder, not of any process with that ID', async () => {
    await using job = await makeJobFolder();
    assert.equal(await isShim(process.pid, job.folder), false);
    assert.equal(await isShim(2 ** 22 + 1, job.folder), false);
    // The machine was restarted, and the ID is another process's now.
    await writeFile(join(job.folder, `supervisor.running.${process.pid}`), '');
    assert.equal((await waitForExit(job.folder)).exitCode, undefined);
  });

  test('of a shim that was killed with its whole group is an unobserved exit', async () => {
    await using job = await makeJobFolder();
    await start(job, 'exec sleep 60');
    process.kill(-(await runningPid(job)), 'SIGKILL');
    assert.equal((await waitForExit(job.folder)).exitCode, undefined);
  });

  test('of a job that was never launched is an exit too', async () => {
    await using job = await makeJobFolder();
    assert.equal((await waitForExit(job.folder)).exitCode, undefined);
  });

  test('of a launch that a crash cut off is an end after a while', async () => {
    await using job = await makeJobFolder();
    const mark = join(job.folder, 'supervisor.new');
    await writeFile(mark, '');
    let now = 0;
    const exit = await waitForExit(job.folder, undefined, () => (now += 40_000));
    assert.equal(exit.exitCode, undefined);
    assert.deepEqual(await readState(job.folder), { phase: 'none' });
  });

  test('of a launch in progress is not seen because the date jumped', async () => {
    await using job = await makeJobFolder();
    const mark = join(job.folder, 'supervisor.new');
    await writeFile(mark, '');
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(mark, longAgo, longAgo);
    const exit = waitForExit(job.folder);
    const checked = await Promise.race([exit, setTimeout(100)]);
    assert.equal(checked, undefined);
    await rename(mark, join(job.folder, 'supervisor.exited.5'));
    assert.equal((await exit).exitCode, 5);
  });

  test('is made once, even when an earlier launch comes to life in between', async () => {
    await using job = await makeJobFolder();
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => start(job, 'echo begun; sleep 0.2')));
    assert.ok(starts.some(({ status }) => status === 'fulfilled'));
    for (const result of starts) assert.ok(result.status === 'fulfilled' || result.reason instanceof LaunchError);
    await waitForExit(job.folder);
    assert.equal(await job.readLog(), 'begun\n');
  });

  test('of another boot belongs to no process and reports that the machine restarted', async () => {
    await using job = await makeJobFolder();
    await start(job, 'while [ ! -e "$1/go" ]; do sleep 0.02; done', job.folder);
    const pid = await runningPid(job);
    const mark = join(job.folder, `supervisor.running.${pid}`);
    const thisBoot = await readFile(mark, 'utf8');
    await writeFile(mark, 'another boot');
    assert.equal(await isShim(pid, job.folder), false);
    const { exitCode, machineRestarted } = await waitForExit(job.folder);
    assert.deepEqual([exitCode, machineRestarted], [undefined, true]);
    await writeFile(mark, thisBoot);
    await writeFile(join(job.folder, 'go'), '');
    assert.equal((await waitForExit(job.folder)).machineRestarted, false);
  });

  test('is not that of a process that merely names the folder, nor one whose name begins with it', async () => {
    await using job = await makeJobFolder();
    const reader = spawn('/bin/sh', ['-c', 'sleep 5', 'tail', job.folder], { stdio: 'ignore' });
    try {
      assert.equal(await isShim(reader.pid ?? 0, job.folder), false);
      await start(job, 'while [ ! -e "$1/go" ]; do sleep 0.02; done', job.folder);
      const pid = await runningPid(job);
      assert.equal(await isShim(pid, job.folder.slice(0, -1)), false);
      await writeFile(join(job.folder, 'go'), '');
      await waitForExit(job.folder);
    } finally {
      reader.kill('SIGKILL');
      await once(reader, 'exit');
    }
  });

  test('of a job that is just being launched is no end', async () => {
    await using job = await makeJobFolder();
    for (let i = 0; i < 40; i += 1) {
      await start(job, 'exit 4');
      assert.equal((await waitForExit(job.folder)).exitCode, 4);
      await forget(job.folder);
    }
  });
});

test('a shim outlives signals to its group and records the exit', async () => {
  await using job = await makeJobFolder();
  await start(
    job,
    'trap "" TERM INT HUP QUIT; echo up; while [ ! -e "$1/go" ]; do sleep 0.02; done; exit 6',
    job.folder,
  );
  const pid = await runningPid(job);
  await eventually(async () => (await job.readLog()) !== '');
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(-pid, signal);
  await writeFile(join(job.folder, 'go'), '');
  assert.equal((await waitForExit(job.folder)).exitCode, 6);
});

test('a job outlives the process that started it', async () => {
  await using job = await makeJobFolder();
  const program = `
    import { launch } from ${JSON.stringify(new URL('./shim.ts', import.meta.url).href)};
    const job = ${JSON.stringify(job)};
    const script = 'echo start; while [ ! -e "$1/go" ]; do sleep 0.02; done; echo end; exit 9';
    await launch({ job, command: ['/bin/sh', '-c', script, 'job', job.folder], env: process.env, cwd: '/' });
    console.log('launched');
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  await once(starter.stdout, 'data');
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const pid = await runningPid(job);
  assert.ok(isAlive(pid));
  await writeFile(join(job.folder, 'go'), '');
  assert.equal((await waitForExit(job.folder)).exitCode, 9);
  assert.equal(await job.readLog(), 'start\nend\n');
});

describe('waiting', () => {
  test('ends when it is aborted', async () => {
    await using job = await makeJobFolder();
    await start(job, 'while [ ! -e "$1/go" ]; do sleep 0.02; done', job.folder);
    await runningPid(job);
    const reason = new Error('enough');
    const controller = new AbortController();
    const waiting = waitForExit(job.folder, controller.signal);
    controller.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await writeFile(join(job.folder, 'go'), '');
    await waitForExit(job.folder);
  });

  test('for the start ends with the start or with the end', async () => {
    await using job = await makeJobFolder();
    await start(job, 'touch "$1/begun"; while [ ! -e "$1/go" ]; do sleep 0.02; done', job.folder);
    await waitForStart(job.folder, async () => (await readdir(job.folder)).includes('begun'));
    await writeFile(join(job.folder, 'go'), '');
    await waitForStart(job.folder, async () => false);
  });
});

test('a launch that fails rejects with LaunchError', async () => {
  await using job = await makeJobFolder();
  const launching = launch({ job, command: ['true'], env, cwd: join(job.folder, 'missing') });
  await assert.rejects(launching, LaunchError);
});

test('processes that cannot be read are not taken for exited ones', async (t) => {
  if (process.platform !== 'linux') return t.skip('elsewhere they are looked at by a command');
  await using job = await makeJobFolder();
  await start(job, 'until [ -e "$1/go" ]; do sleep 0.02; done; exit 5', job.folder);
  const pid = await runningPid(job);
  const mock = t.mock.method(fs.promises, 'readFile', () =>
    Promise.reject(Object.assign(new Error('too many open files'), { code: 'EMFILE' })),
  );
  syncBuiltinESMExports();
  try {
    await assert.rejects(isShim(pid, job.folder), { code: 'EMFILE' });
    await assert.rejects(waitForExit(job.folder), { code: 'EMFILE' });
  } finally {
    mock.mock.restore();
    syncBuiltinESMExports();
  }
  await writeFile(join(job.folder, 'go'), '');
  assert.equal((await waitForExit(job.folder)).exitCode, 5);
});
