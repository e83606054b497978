/** An agent exceeds the memory limit of its job, on each runtime with containers. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, setUpJobs } from './job-setting.ts';

// Reads an endless line into memory.
const eat = 'tail -n 1 /dev/zero';

export function testOutOfMemory(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('a killed agent is reported as out of memory', async (t) => {
      const message = await failureOf(t, name, `exec ${eat}`);
      if (message === undefined) return;
      assert.match(message, /^The agent ran out of memory: .* Its log is on /);
    });

    test('so is an agent that survives one of its processes, with its own exit code', async (t) => {
      const message = await failureOf(t, name, `${eat}; echo survived; exit 9`);
      if (message === undefined) return;
      assert.match(message, /^A process of the agent was killed .*out of memory.* exit code 9 /);
    });

    test('an agent killed by the same signal for another reason is not', async (t) => {
      const message = await failureOf(t, name, 'sh -c "kill -9 $PPID"; exit 137');
      if (message === undefined) return;
      assert.match(message, /SIGKILL \(exit code 137\)/);
    });
  });
}

async function failureOf(t: TestContext, name: ContainerRuntime, commands: string): Promise<string | undefined> {
  await using setting = await setUpJobs(t, name, '[jobs]\nmemory_gib = 0.0625\n');
  if (!setting.plane) return undefined;
  const { turn } = await untilOver(
    setting.plane,
    await startTask(setting.plane, setting.images.agent, commands),
    120_000,
  );
  assert.equal(turn.Status, 'Failed');
  return turn.ErrorMessage as string;
}
