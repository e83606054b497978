/** Jobs that a user kills, on each runtime with containers. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { jobIdOf, startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, setUpJobs } from './job-setting.ts';

const patienceMs = 120_000;
const atWork = 'echo begun; while :; do sleep 0.1; done';

export function testKill(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('a killed agent gets SIGTERM, and SIGKILL after stop_timeout, also without a runner', async (t) => {
      // Longer than the command waits in addition.
      await using setting = await setUpJobs(t, name, '[jobs]\nstop_timeout = "12s"\n');
      if (!setting.plane) return;
      const { plane, images } = setting;
      const start = (commands: string) => startTask(plane, images.agent, commands);
      const [listening, deaf, orphaned] = await Promise.all([
        start(`trap 'echo ended; exit 0' TERM; ${atWork}`),
        start(`trap '' TERM; ${atWork}`),
        start(`trap '' TERM; ${atWork}`),
      ]);
      const jobs = [listening, deaf, orphaned];
      const logOf = (taskId: string) => setting.runner.jobLog(jobIdOf(taskId)).catch(() => '');
      for (const taskId of jobs) await eventually(async () => (await logOf(taskId)).includes('begun'), patienceMs);
      const kill = (taskId: string) => setting.command('job', 'kill', jobIdOf(taskId));
      assert.match((await Promise.all([kill(listening), kill(deaf)])).join(''), /^(Job \S+ was killed\.\n){2}$/);
      for (const [taskId, exitCode] of [
        [listening, 0],
        [deaf, 137],
      ] as const) {
        const { turn } = await untilOver(plane, taskId, patienceMs);
        assert.match(turn.ErrorMessage, /^The agent was killed by user\. Its log is on /);
        const record = await setting.finished(jobIdOf(taskId));
        assert.deepEqual([record.endCode, record.exitCode], ['killed', exitCode]);
      }
      assert.match(await logOf(listening), /begun\nended\n$/);

      await setting.restart(async () => {
        assert.match(await setting.command('job', 'list'), new RegExp(jobIdOf(orphaned)));
        assert.match(await kill(orphaned), /was killed\. The runner reports this to the server when it starts\.\n$/);
        assert.match(await kill(orphaned), /has already finished\.\n$/);
      });
      assert.match((await untilOver(plane, orphaned, patienceMs)).turn.ErrorMessage, /^The agent was killed by user\./);
      await eventually(async () => {
        const left = await setting.list();
        return !jobs.some((taskId) => left.includes(jobIdOf(taskId)));
      });
    });
  });
}
