/** An agent exceeds the memory limit of its job: its turn reports it with every engine and kernel. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startTask, untilOver } from './support/tasks.ts';

// Reads an endless line into memory.
const eat = 'tail -n 1 /dev/zero';

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
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

async function failureOf(t: TestContext, name: 'podman' | 'docker', commands: string): Promise<string | undefined> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  await using plane = await startControlPlane();
  const config = '[jobs]\nmemory_gib = 0.0625\n';
  const { env } = engines[name] as { env: NodeJS.ProcessEnv };
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: name, config, env };
  await using runner = await RunnerProcess.start(options);
  await runner.ready();
  const { turn } = await untilOver(plane, await startTask(plane, engines.images.agent, commands));
  assert.equal(turn.Status, 'Failed');
  return turn.ErrorMessage as string;
}
