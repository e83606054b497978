/** Images that the runner pulls before a job needs them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { exists } from '../src/lib/files.ts';
import { commandLine, listProcesses } from '../src/lib/processes.ts';
import { startControlPlane } from './support/control-plane.ts';
import { startHoldingRegistry } from './support/crash/holding-registry.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const patienceMs = 120_000;

suite('an image of images.prefetch', { concurrency: 2 }, () => {
  for (const name of ['podman', 'docker'] as const) {
    test(`is pulled by ${name} at the start, once for a job too, also after the runner was killed`, async (t) => {
      const engines = await requires(t, name, 'registry');
      if (!engines) return;
      await using registry = await startHoldingRegistry(engines.registry);
      const image = engines.images.agent.replace(engines.registry, registry.host);
      const { env } = engines[name];
      const find = () => run(name, ['image', 'inspect', '--format', '{{.Id}}', image], { env }).catch(() => undefined);
      t.after(() => run(name, ['rmi', '--force', image], { env }).catch(() => {}));
      let [held, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      registry.onPull = () => {
        held.resolve();
        return hold.promise;
      };
      await using plane = await startControlPlane();
      const token = await plane.newToken();
      const config = `[images]\npull_policy = "if-not-present"\nprefetch = ["${image}"]\n`;
      const options = { url: plane.server.url, token, runtime: name, config, env };
      const killed = await RunnerProcess.start(options);
      await held.promise;
      await killed.stop('SIGKILL');
      await eventually(async () => (await pullsOf(image)).length === 0, patienceMs);
      hold.resolve();
      assert.equal(await find(), undefined);

      [held, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      await using runner = await RunnerProcess.start({ ...options, folder: killed.folder });
      await runner.ready();
      await held.promise;
      // The registry may hold a request that dockerd still makes for the client that is gone.
      const pulls = await eventually(async () => {
        const found = await pullsOf(image);
        return found.length > 0 && found;
      }, patienceMs);
      const task = await startTask(plane, image);
      // The job needs a pull, and waits for the same one.
      const pending = join(runner.folder, 'state/images', `pull.${jobIdOf(task)}.json`);
      await eventually(() => exists(pending), patienceMs);
      assert.deepEqual(await pullsOf(image), pulls);
      hold.resolve();
      await runner.logged(new RegExp(`image prefetched image=${image}`), patienceMs);
      const { turn } = await untilOver(plane, task, patienceMs);
      assert.match(turn.ErrorMessage, /exit code 0/);
      assert.notEqual(await find(), undefined);
    });
  }
});

async function pullsOf(image: string): Promise<string[]> {
  const lines = await Promise.all((await listProcesses()).map(({ pid }) => commandLine(pid)));
  return lines.filter((line) => line.includes(' pull ') && line.includes(` ${image} `));
}
