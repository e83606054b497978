/** A runner that is killed during a pull leaves no process behind. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { commandLine, listProcesses } from '../src/lib/processes.ts';
import { startControlPlane } from './support/control-plane.ts';
import { startHoldingRegistry } from './support/crash/holding-registry.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { startTask } from './support/tasks.ts';

suite('a runner that is killed during a pull', { concurrency: 2 }, () => {
  for (const name of ['podman', 'docker'] as const) {
    test(`by ${name} ends the pull too`, async (t) => {
      const engines = await requires(t, name, 'registry');
      if (!engines) return;
      await using registry = await startHoldingRegistry(engines.registry);
      const image = engines.images.agent.replace(engines.registry, registry.host);
      const [held, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      registry.onPull = () => {
        held.resolve();
        return hold.promise;
      };
      await using plane = await startControlPlane();
      const { env } = engines[name];
      const token = await plane.newToken();
      await using runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: name, env });
      await runner.ready();
      await startTask(plane, image);
      await held.promise;
      assert.notDeepEqual(await pullsOf(image), []);
      await runner.stop('SIGKILL');
      await eventually(async () => (await pullsOf(image)).length === 0);
      hold.resolve();
    });
  }
});

async function pullsOf(image: string): Promise<string[]> {
  const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid)));
  return lines.filter((line) => line.includes(` ${image} `));
}
