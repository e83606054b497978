/** Jobs whose client or monitor is killed while the agent keeps running. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isAbort } from '../src/lib/errors.ts';
import {
  type EngineJob,
  killClient,
  killShim,
  releaseAgent,
  runUntilReleased,
  setUpEngineJob,
  startAndWrite,
} from './support/engine-job.ts';
import { eventually } from './support/eventually.ts';

const limitMs = 60_000;

const count = runUntilReleased('echo last; exit 6', 'i=$((i+1)); echo line $i');

suite('docker’s client is killed', { concurrency: 2 }, () => {
  test('the log notes it and continues until the agent exits', async (t) => {
    await using setting = await setUpEngineJob(t, 'docker', { commands: count });
    if (!setting.runtime) return;
    const { runtime, job, log } = setting;
    await startAndWrite(setting, 'line 3');
    await killClient(setting.job);
    const waiting = runtime.wait(job);
    await eventually(async () => /\[plan42: .*\nline /.test(await log()));
    await releaseAgent(setting);
    assert.equal((await waiting).exitCode, 6);
    assertContinued(await log());
  });

  test('if the agent exits before the next look, the log notes that output may be missing', async (t) => {
    await using setting = await setUpEngineJob(t, 'docker', { commands: runUntilReleased('echo unseen; exit 5') });
    if (!setting.runtime) return;
    const { runtime, job, log, engine } = setting;
    await startAndWrite(setting, 'begun');
    await killClient(setting.job);
    await releaseAgent(setting);
    assert.equal((await engine('wait', job.jobId)).trim(), '5');
    assert.equal((await runtime.wait(job)).exitCode, 5);
    assert.match(await log(), /begun\n\[plan42: output may be missing here: .*\]\n$/);
  });
});

// Agents write to the log writer without the client.
suite('podman’s client is killed', { concurrency: 2 }, () => {
  test('the log is whole', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', { commands: count });
    if (!setting.runtime) return;
    const { runtime, job, log } = setting;
    await startAndWrite(setting, 'line 3');
    await killClient(setting.job);
    const waiting = runtime.wait(job);
    const length = (await log()).length;
    await eventually(async () => (await log()).length > length + 100);
    await releaseAgent(setting);
    assert.equal((await waiting).exitCode, 6);
    const lines = (await log()).trimEnd().split('\n');
    assert.deepEqual(numbers(lines), range(1, lines.length - 3));
    assert.deepEqual([lines[1], lines.at(-1)], ['begun', 'last']);
  });

  test('also if the agent writes much and exits before the next look', async (t) => {
    const end = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done; echo last; exit 5';
    await using setting = await setUpEngineJob(t, 'podman', { commands: runUntilReleased(end) });
    if (!setting.runtime) return;
    const { runtime, job, log, engine } = setting;
    await startAndWrite(setting, 'begun');
    await killClient(setting.job);
    await releaseAgent(setting);
    assert.equal((await engine('wait', job.jobId)).trim(), '5');
    assert.equal((await runtime.wait(job)).exitCode, 5);
    const lines = (await log()).trimEnd().split('\n');
    assert.deepEqual(numbers(lines), range(1, 20_000));
    assert.equal(lines.at(-1), 'last');
  });

  test('and so is its log writer: the agent waits for the next one, and the log notes it', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', { commands: count });
    if (!setting.runtime) return;
    const { runtime, job, log } = setting;
    await startAndWrite(setting, 'line 3');
    await killShim(setting.job);
    const waiting = runtime.wait(job);
    await eventually(async () => /\[plan42: .*\nline /.test(await log()));
    await releaseAgent(setting);
    assert.equal((await waiting).exitCode, 6);
    assertContinued(await log());
  });

  test('also if the agent writes more than the pipe holds until then', async (t) => {
    const end = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); echo line $i; done; echo last; exit 5';
    await using setting = await setUpEngineJob(t, 'podman', { commands: runUntilReleased(end) });
    if (!setting.runtime) return;
    const { runtime, job, log, engine } = setting;
    await startAndWrite(setting, 'begun');
    await killShim(setting.job);
    await releaseAgent(setting);
    // More than a pipe holds.
    await delay(2000);
    assert.equal((await engine('inspect', '--format', '{{.State.Running}}', job.jobId)).trim(), 'true');
    assert.equal((await runtime.wait(job)).exitCode, 5);
    const lines = (await log()).trimEnd().split('\n');
    assert.deepEqual(numbers(lines), range(1, 200_000));
    assert.deepEqual(lines.filter((line) => line.startsWith('[plan42:')).length, 1);
    assert.equal(lines.at(-1), 'last');
  });
});

suite('podman’s monitor is killed', { concurrency: 2 }, () => {
  test('the job finishes without an exit code when its agent exits', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', { commands: runUntilReleased('echo last; exit 3') });
    if (!setting.runtime) return;
    const { runtime, job, log, engine } = setting;
    await startAndWrite(setting, 'begun');
    await killMonitor(setting);
    assert.ok((await runtime.listRunning()).includes(job.jobId), 'the agent continues');
    await releaseAgent(setting);
    const exit = await runtime.wait(job, AbortSignal.timeout(limitMs));
    assert.deepEqual([exit.exitCode, exit.startError], [undefined, undefined]);
    assert.match(exit.unseenBecause ?? '', /monitor \(conmon\).*was killed/);
    assert.match(await log(), /begun\nlast\n$/);
    assert.ok(!(await runtime.listRunning()).includes(job.jobId));
    await runtime.kill(job, 300);
    await runtime.remove(job);
    assert.equal(await engine('ps', '--all', '--quiet', '--filter', `name=${job.jobId}`), '');
  });

  test('a kill still ends the job, with or without a waiting runner', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', {
      commands: `trap '' TERM PIPE; echo begun; while :; do sleep 0.1; done`,
    });
    if (!setting.runtime) return;
    const { runtime, job } = setting;
    await startAndWrite(setting, 'begun');
    await killMonitor(setting);
    const given = AbortSignal.timeout(4000);
    await assert.rejects(runtime.wait(job, given), (error) => isAbort(error, given), 'while the agent lives');
    await runtime.kill(job, 300);
    assert.ok(!(await runtime.listRunning()).includes(job.jobId));
    const exit = await runtime.wait(job, AbortSignal.timeout(limitMs));
    assert.equal(exit.exitCode, undefined);
    await runtime.remove(job);
  });

  test('and so is its client', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', { commands: runUntilReleased('exit 3') });
    if (!setting.runtime) return;
    const { runtime, job } = setting;
    await startAndWrite(setting, 'begun');
    await killMonitor(setting);
    await killClient(setting.job);
    await releaseAgent(setting);
    const exit = await runtime.wait(job, AbortSignal.timeout(limitMs));
    assert.match(exit.unseenBecause ?? '', /monitor/);
  });
});

async function killMonitor({ engine, job }: EngineJob): Promise<void> {
  const pid = Number(await engine('inspect', '--format', '{{.State.ConmonPid}}', job.jobId));
  assert.ok(pid > 1);
  process.kill(pid, 'SIGKILL');
}

/** Numbered lines up to a note, and after it from a later number on. */
function assertContinued(log: string): void {
  const lines = log.split('\n').filter((line) => line !== '');
  const note = lines.findIndex((line) => /^\[plan42: output (is|may be) missing here:/.test(line));
  assert.equal(lines.filter((line) => line.startsWith('[plan42:')).length, 1, lines.join('\n'));
  assert.equal(lines.at(-1), 'last');
  const [before, after] = [numbers(lines.slice(0, note)), numbers(lines.slice(note))];
  assert.deepEqual(before, range(1, before.length));
  const first = after[0] ?? 0;
  assert.ok(first > before.length, `${first} comes after ${before.length}`);
  assert.deepEqual(after, range(first, first + after.length - 1), 'no line is repeated or missing after the note');
}

function numbers(lines: readonly string[]): number[] {
  return lines.flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
