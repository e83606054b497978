/** Jobs whose client or monitor is killed while the agent keeps running. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isAbort } from '../src/lib/errors.ts';
import { type EngineJob, killClient, releaseAgent, runUntilReleased, setUpEngineJob } from './support/engine-job.ts';
import { eventually } from './support/eventually.ts';

const limitMs = 60_000;

for (const name of ['podman', 'docker'] as const) {
  suite(`${name}’s client is killed`, { concurrency: 2 }, () => {
    const count = runUntilReleased('echo last; exit 6', 'i=$((i+1)); echo line $i');

    test('the log notes it and continues until the agent exits', async (t) => {
      await using setting = await setUpEngineJob(t, name, { commands: count });
      if (!setting.runtime) return;
      const { runtime, job, log } = setting;
      await startAndWrite(setting, 'line 3');
      await killClient(setting.job);
      const waiting = runtime.wait(job);
      await eventually(async () => /\[plan42: .*\nline /.test(await log()));
      await releaseAgent(setting);
      assert.equal((await waiting).exitCode, 6);
      // Podman’s attach adds an empty line at its end.
      const lines = (await log()).split('\n').filter((line) => line !== '');
      const note = lines.findIndex((line) => line.startsWith('[plan42: output is missing here:'));
      assert.equal(lines.filter((line) => line.startsWith('[plan42:')).length, 1, lines.join('\n'));
      assert.equal(lines.at(-1), 'last');
      const numbers = (part: string[]) => part.flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? []).map(Number);
      const [before, after] = [numbers(lines.slice(0, note)), numbers(lines.slice(note))];
      assert.deepEqual(before, range(1, before.length));
      const first = after[0] ?? 0;
      assert.ok(first > before.length, `${first} comes after ${before.length}`);
      assert.deepEqual(after, range(first, first + after.length - 1), 'no line is repeated or missing after the note');
    });

    test('if the agent exits before the next look, the log notes that output may be missing', async (t) => {
      await using setting = await setUpEngineJob(t, name, { commands: runUntilReleased('echo unseen; exit 5') });
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
}

suite('podman’s monitor is killed', { concurrency: 2 }, () => {
  test('the job finishes without an exit code when its agent exits', async (t) => {
    await using setting = await setUpEngineJob(t, 'podman', { commands: runUntilReleased('exit 3') });
    if (!setting.runtime) return;
    const { runtime, job, log, engine } = setting;
    await startAndWrite(setting, 'begun');
    await killMonitor(setting);
    assert.ok((await runtime.listRunning()).includes(job.jobId), 'the agent continues');
    await releaseAgent(setting);
    const exit = await runtime.wait(job, AbortSignal.timeout(limitMs));
    assert.deepEqual([exit.exitCode, exit.startError], [undefined, undefined]);
    assert.match(exit.unseenBecause ?? '', /monitor \(conmon\).*was killed/);
    assert.match(await log(), /begun\n(.*\n)*\[plan42: all further output is missing: .*\]\n$/);
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

async function startAndWrite({ runtime, job, log }: EngineJob, text: string): Promise<void> {
  await runtime.start(job);
  await eventually(async () => (await log()).includes(text));
}

async function killMonitor({ engine, job }: EngineJob): Promise<void> {
  const pid = Number(await engine('inspect', '--format', '{{.State.ConmonPid}}', job.jobId));
  assert.ok(pid > 1);
  process.kill(pid, 'SIGKILL');
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
