/** Jobs whose runner is killed, on each runtime with containers. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { jobIdOf, startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, setUpJobs } from './job-setting.ts';

const patienceMs = 120_000;
const downMs = 5000;

/** Prints ten lines a second. */
const count = (seconds: number) =>
  `n=0; while [ $n -lt ${seconds * 10} ]; do echo line $n; n=$((n+1)); sleep 0.1; done; exit 4`;

export function testAdoption(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('a runner that was killed continues its jobs: one that runs, and one that ended meanwhile', async (t) => {
      await using setting = await setUpJobs(t, name);
      if (!setting.plane) return;
      const { plane, images } = setting;
      const lengths = [15, 3] as const;
      const tasks = await Promise.all(
        lengths.map(async (seconds) => ({ seconds, id: await startTask(plane, images.agent, count(seconds)) })),
      );
      const logOf = (taskId: string) => setting.runner.jobLog(jobIdOf(taskId)).catch(() => '');
      for (const { id } of tasks) await eventually(async () => (await logOf(id)).includes('line 5\n'), patienceMs);
      await setting.restart(() => delay(downMs));
      for (const { id, seconds } of tasks) {
        const { turn } = await untilOver(plane, id, patienceMs);
        assert.match(turn.ErrorMessage, /exit code 4 /);
        assert.deepEqual(
          (await logOf(id)).trimEnd().split('\n').slice(1),
          Array.from({ length: seconds * 10 }, (_, n) => `line ${n}`),
        );
      }
      await eventually(async () => {
        const left = await setting.list();
        return !tasks.some(({ id }) => left.includes(jobIdOf(id)));
      });
    });
  });
}
