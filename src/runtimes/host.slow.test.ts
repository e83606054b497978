import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { isAlive, type JobFolder, makeJobFolder } from '../../test/support/job-folder.ts';
import { exists } from '../lib/files.ts';
import { listWithVariable } from '../lib/processes.ts';
import { LaunchError } from '../shim/shim.ts';
import { createHostRuntime } from './host.ts';
import { RuntimeError } from './runtime.ts';

const env = { PATH: process.env['PATH'], HOME: '/' };

const given = { mounts: [], env: [] };

const runtimeWith = (command: string[] | undefined, jobs: JobFolder[] = [], unisolated = true) =>
  createHostRuntime({ env, settings: { unisolated, command }, given, knownJobs: async () => jobs });

/** A runtime whose agent is this shell script, with the job's folder as its argument. */
const scripted = (job: JobFolder, script: string) => runtimeWith(['/bin/sh', '-c', script, 'agent', job.folder], [job]);

const untilGo = 'while [ ! -e "$1/go" ]; do sleep 0.02; done';

/** The process IDs that the agent has logged, once there are so many. */
const loggedPids = (job: JobFolder, count: number) =>
  eventually(async () => {
    const pids = (await job.readLog()).trim().split(/\s+/).map(Number);
    return pids.length === count && pids.every((pid) => pid > 0) ? pids : undefined;
  });

const allGone = (pids: number[]) => eventually(async () => !pids.some(isAlive));

describe('readiness', () => {
  const cases: [name: string, command: string[] | undefined, unisolated: boolean, reason: RegExp][] = [
    ['without the acknowledgement', ['/bin/sh'], false, /not switched on/],
    ['without a command', undefined, true, /host\.command is not set/],
    ['with an empty command', [], true, /host\.command is not set/],
    ['with a command that is not there', ['/does/not/exist'], true, /\/does\/not\/exist is not an executable/],
    ['with a command that is not in the path', ['no-such-command-42'], true, /no-such-command-42/],
    ['with a folder', ['/tmp'], true, /not an executable file/],
  ];
  for (const [name, command, unisolated, reason] of cases) {
    test(`there is none ${name}, and no start`, async () => {
      await using job = await makeJobFolder();
      const runtime = runtimeWith(command, [job], unisolated);
      const readiness = await runtime.checkReady();
      assert.ok(!readiness.ready);
      assert.match(readiness.reason, reason);
      assert.ok(readiness.remedy);
      await assert.rejects(runtime.start(job), RuntimeError);
    });
  }
  test('with a command, absolute or in the path', async () => {
    for (const command of ['/bin/sh', 'sh']) assert.ok((await runtimeWith([command]).checkReady()).ready);
  });
});

describe('a job', () => {
  test('gets the request on standard input, and its exit code is kept', async () => {
    await using job = await makeJobFolder('{"the": "request"}');
    const runtime = scripted(job, 'cat; exit 7');
    await runtime.start(job);
    const { endedAt, exitCode, outOfMemory, startError } = await runtime.wait(job);
    assert.deepEqual([exitCode, outOfMemory, startError], [7, false, undefined]);
    assert.ok(Math.abs(endedAt.getTime() - Date.now()) < 5000);
    assert.equal(await job.readLog(), '{"the": "request"}');
  });

  test('whose working folder is missing fails with an error', async () => {
    await using job = await makeJobFolder();
    const settings = { unisolated: true, command: ['/bin/cat'] };
    const lost = { ...env, HOME: join(job.folder, 'gone') };
    const runtime = createHostRuntime({ env: lost, settings, given, knownJobs: async () => [] });
    await assert.rejects(runtime.start(job), {
      name: 'RuntimeError',
      message: /working folder .*gone \(HOME\) is not there/,
    });
  });

  test('leaves no temporary files, even if it is killed among read-only folders', async () => {
    await using job = await makeJobFolder();
    const script =
      'mkdir "$TMPDIR/a" && echo x > "$TMPDIR/a/b" && chmod 500 "$TMPDIR/a" && stat -c "%a %n" "$TMPDIR"; kill -9 $$';
    const runtime = scripted(job, script);
    await runtime.start(job);
    assert.equal((await runtime.wait(job)).exitCode, 137);
    const [mode, folder = ''] = (await job.readLog()).trim().split(' ');
    assert.equal(mode, '700');
    assert.ok(await exists(folder), 'until the job is removed');
    await runtime.remove(job);
    assert.ok(!(await exists(folder)));
  });

  test('is listed while it runs', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, untilGo);
    assert.deepEqual(await runtime.listRunning(), []);
    await runtime.start(job);
    assert.deepEqual(await runtime.listRunning(), [job.jobId]);
    await writeFile(join(job.folder, 'go'), '');
    await runtime.wait(job);
    assert.deepEqual(await runtime.listRunning(), []);
    await runtime.remove(job);
  });

  test('starts once', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, 'echo once');
    await runtime.start(job);
    await assert.rejects(runtime.start(job), LaunchError);
    await runtime.wait(job);
    assert.equal(await job.readLog(), 'once\n');
  });
});

test('what an agent leaves running ends when its job is put away, unless it was started without the job’s ID', async (t) => {
  if (process.platform !== 'linux') return t.skip('processes can’t be found by their environment here');
  await using job = await makeJobFolder();
  const runtime = scripted(
    job,
    `setsid sh -c 'echo $$; exec sleep 60' & setsid env -u PLAN42_JOB_ID sh -c 'echo $$; exec sleep 60' &
    while [ $(wc -l <"$1/../job.log") -lt 2 ]; do sleep 0.02; done`,
  );
  await runtime.start(job);
  await runtime.wait(job);
  const pids = await loggedPids(job, 2);
  // While a shell becomes `sleep`, it shows no variables.
  const marked = await eventually(async () => {
    const found = await listWithVariable('PLAN42_JOB_ID', job.jobId);
    return found.length > 0 ? found : undefined;
  });
  const [left, kept] = [pids.filter((pid) => marked.includes(pid)), pids.filter((pid) => !marked.includes(pid))];
  assert.deepEqual([left.length, kept.length], [1, 1]);
  await runtime.remove(job);
  await allGone(left);
  assert.ok(kept.every(isAlive));
  for (const pid of kept) process.kill(pid, 'SIGKILL');
});

describe('kill', () => {
  test('asks first, so that the agent can exit', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, `trap 'exit 5' TERM; echo $$; ${untilGo}`);
    await runtime.start(job);
    await loggedPids(job, 1);
    await runtime.kill(job, 5000);
    assert.equal((await runtime.wait(job)).exitCode, 5);
  });

  test('right after the start works too, whether or not the agent has begun', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, 'sleep 60; echo survived');
    await runtime.start(job);
    await runtime.kill(job, 100);
    await runtime.wait(job);
    assert.deepEqual(await runtime.listRunning(), []);
    assert.doesNotMatch(await job.readLog(), /survived/);
  });

  test('ends what ignores SIGTERM when the grace is over', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, `trap '' TERM; echo $$; ${untilGo}`);
    await runtime.start(job);
    const pids = await loggedPids(job, 1);
    const start = performance.now();
    await runtime.kill(job, 80);
    assert.ok(performance.now() - start >= 75);
    assert.equal((await runtime.wait(job)).exitCode, 137);
    await allGone(pids);
  });

  test('ends children too: one that ignores SIGTERM, one in a session of its own, one that is both', async () => {
    await using job = await makeJobFolder();
    const stubborn = `trap "" TERM; echo $$; ${untilGo}`;
    const script = `echo $$
      (sh -c '${stubborn}' stubborn "$1") &
      setsid sh -c 'echo $$; ${untilGo}' session "$1" &
      setsid sh -c '${stubborn}' both "$1" &
      ${untilGo}`;
    const runtime = scripted(job, script);
    await runtime.start(job);
    const pids = await loggedPids(job, 4);
    assert.ok(pids.every(isAlive));
    await runtime.kill(job, 80);
    await runtime.wait(job);
    await allGone(pids);
  });

  test('leaves what the agent says at its end in the log', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, `trap 'seq 1 50000; exit 5' TERM; echo $$; ${untilGo}`);
    await runtime.start(job);
    await loggedPids(job, 1);
    await runtime.kill(job, 10_000);
    assert.equal((await runtime.wait(job)).exitCode, 5);
    assert.equal((await job.readLog()).match(/^\d+$/gm)?.length, 50_001);
  });

  test('ends what has left both its session and its parent', async (t) => {
    if (process.platform !== 'linux') return t.skip('processes can’t be found by their environment here');
    await using job = await makeJobFolder();
    const runtime = scripted(job, `echo $$; setsid sh -c '(echo $$; sleep 60) & exit' & ${untilGo}`);
    await runtime.start(job);
    await loggedPids(job, 2);
    // The second one has printed its parent's.
    const orphans = await eventually(async () => {
      const pids = await listWithVariable('PLAN42_JOB_ID', job.jobId);
      return pids.length >= 3 && pids;
    });
    await runtime.kill(job, 1000);
    await runtime.wait(job);
    await allGone(orphans);
  });

  test('leaves the supervisor to record the end', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, `echo $$; ${untilGo}`);
    await runtime.start(job);
    await loggedPids(job, 1);
    await runtime.kill(job, 1000);
    assert.equal((await runtime.wait(job)).exitCode, 143);
  });

  test('does nothing to a job that is not running, nor to another process with its ID', async () => {
    await using job = await makeJobFolder();
    const runtime = scripted(job, 'exit 0');
    await runtime.kill(job, 10);
    await writeFile(join(job.folder, `shim.running.${process.pid}`), '');
    await runtime.kill(job, 10);
    assert.deepEqual(await runtime.listRunning(), []);
    assert.equal((await runtime.wait(job)).exitCode, undefined);
  });
});
