/** Jobs on docker and podman whose client, container or engine disappears. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { RuntimeError } from '../src/runtimes/runtime.ts';
import { launchedAtMs, readState } from '../src/shim/shim.ts';
import { killShim, setUpEngineJob as setUp, startAndWrite } from './support/engine-job.ts';
import { eventually } from './support/eventually.ts';

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: 2 }, () => {
    test('a kill between creation and start of a container is not lost', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60', isPausing: true });
      if (!setting.runtime) return;
      const { runtime, job } = setting;
      await runtime.start(job);
      await runtime.kill(job, 500);
      const { exitCode } = await runtime.wait(job);
      assert.ok(exitCode === 137 || exitCode === 143, `${exitCode}`);
    });

    test('a container has no swap beyond its memory, and only its owner can read its ID', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60' });
      if (!setting.runtime) return;
      const { runtime, job, engine } = setting;
      await runtime.start(job);
      const { mode } = await stat(join(job.folder, 'container-id'));
      assert.equal(mode & 0o777, 0o600);
      const format = '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}';
      const [memory, swap] = (await engine('container', 'inspect', '--format', format, job.jobId)).trim().split(' ');
      // Without swap accounting in the kernel there is no such limit.
      assert.ok(Number(memory) > 0 && (swap === memory || Number(swap) <= 0), `${memory} ${swap}`);
      await runtime.kill(job, 100);
      await runtime.wait(job);
      await runtime.remove(job);
    });

    test('an image that was removed after its pull is pulled again, if allowed', async (t) => {
      await using setting = await setUp(t, name, { commands: 'exit 7' });
      if (!setting.runtime) return;
      const { runtime, job, engine } = setting;
      const image = job.image.replace(/:v1$/, `-${name}:removed`);
      await engine('tag', job.image, image);
      await engine('push', image);
      await engine('rmi', image);
      await runtime.start({ ...job, image, mayPullAgain: true });
      assert.equal((await runtime.wait(job)).exitCode, 7);
    });

    test('a kill works without client and shim', async (t) => {
      await using setting = await setUp(t, name, { commands: `trap '' TERM; echo begun; while :; do sleep 0.1; done` });
      if (!setting.runtime) return;
      const { runtime, job } = setting;
      await startAndWrite(setting, 'begun');
      await killShim(job);
      const waiting = runtime.wait(job);
      await runtime.kill(job, 300);
      const exit = await waiting;
      assert.deepEqual([exit.exitCode, exit.startError], [137, undefined]);
    });

    test('a job without its shim has the exit code of its container', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 3; exit 6' });
      if (!setting.runtime) return;
      const { runtime, job } = setting;
      await startAndWrite(setting, 'begun');
      await killShim(job);
      assert.equal((await runtime.wait(job)).exitCode, 6);
    });

    test('a container that was removed from outside counts as exited, not as failed to start', async (t) => {
      await using setting = await setUp(t, name, { commands: 'echo begun; sleep 60' });
      if (!setting.runtime) return;
      const { runtime, job, engine } = setting;
      await startAndWrite(setting, 'begun');
      await engine('rm', '--force', job.jobId);
      const exit = await runtime.wait(job);
      assert.equal(exit.startError, undefined);
      assert.ok(exit.exitCode === 137 || exit.exitCode === undefined, `${exit.exitCode}`);
      await runtime.remove(job);
    });

    test('an engine that does not respond is retried, and no job counts as gone', async (t) => {
      await using setting = await setUp(t, name, { commands: 'exit 4' });
      if (!setting.runtime) return;
      const { runtime, job, unreachable } = setting;
      await runtime.start(job);
      await eventually(async () => (await readState(job.folder)).phase === 'exited');
      assert.ok((await launchedAtMs(job.folder)) > Date.now() - 60_000);
      await assert.rejects(unreachable.wait(job, AbortSignal.timeout(1500)), { name: 'TimeoutError' });
      await assert.rejects(unreachable.remove(job), RuntimeError);
      await assert.rejects(unreachable.kill(job, 10), RuntimeError);
      assert.equal((await runtime.wait(job)).exitCode, 4);
      await runtime.remove(job);
      await runtime.remove(job);
    });
  });
}
