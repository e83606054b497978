/** Images that exist only on this machine, with the real engines and a real registry. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { parseConfig } from '../src/config/parse.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { makeTempDir } from './support/temp-dir.ts';

async function setUp(t: TestContext, name: 'docker' | 'podman') {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const env = { PATH: process.env['PATH'] ?? '', ...engines[name].env };
  const { config } = parseConfig({ env: {}, flags: new Map() });
  const runtime = createRuntime(name, { config, env, instanceId: 'test', knownJobs: async () => [] });
  const engine = (...args: string[]) => run(name, args, { env });
  return { runtime, engine, registry: engines.registry, agent: engines.images.agent };
}

for (const name of ['docker', 'podman'] as const) {
  suite(name, () => {
    test('with "always", an image is used that no registry can have', async (t) => {
      const setting = await setUp(t, name);
      if (!setting) return;
      const { runtime, engine, registry } = setting;
      await using dir = await makeTempDir();
      await run('tar', [
        '--create',
        '--file',
        join(dir.path, 'root.tar'),
        '--directory',
        dir.path,
        '--files-from',
        '/dev/null',
      ]);
      const made = [`localhost/made-${randomUUID()}:v1`, `${registry}/test/made-${randomUUID()}:v1`] as const;
      try {
        for (const image of made) await engine('import', join(dir.path, 'root.tar'), image);
        assert.equal((await runtime.pull(made[0], 'always')).localOnly, 'its name is local');
        const pulling = runtime.pull(made[1], 'always');
        // Podman does not tell whether an image with a registry's name was built or pulled.
        if (name === 'docker') assert.equal((await pulling).localOnly, 'no registry has it');
        else await assert.rejects(pulling, /to use it, set images\.pull_policy to "if-not-present"/);
        assert.equal((await runtime.pull(made[1], 'if-not-present')).localOnly, undefined);
      } finally {
        for (const image of made) await engine('rmi', image).catch(() => {});
      }
      await assert.rejects(runtime.pull(made[0], 'always'), /is not on this machine, .*build it with this name/);
      await assert.rejects(runtime.pull(made[1], 'always'), /cannot pull the image .*build it on this machine\)/);
    });

    test('with "always", an image is not used that its registry has removed', async (t) => {
      const setting = await setUp(t, name);
      if (!setting) return;
      const { runtime, engine, registry, agent } = setting;
      const removed = `${registry}/test/removed-${randomUUID()}:v1`;
      assert.equal((await runtime.pull(agent, 'always')).localOnly, undefined);
      // As if it had been pulled by this name, too.
      await engine('tag', agent, removed);
      try {
        await assert.rejects(runtime.pull(removed, 'always'), /cannot pull .*to use it, set images\.pull_policy/);
      } finally {
        await engine('rmi', removed);
      }
    });
  });
}
