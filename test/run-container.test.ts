/** `plan42 run` with agents in real containers. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { suite, test } from 'node:test';
import { busyboxLayer, programLayer } from './support/engines/images.ts';
import { run } from './support/engines/processes.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { git } from './support/git.ts';
import { parseAs } from './support/json-schemas.ts';
import { asAgent, startUser } from './support/personal-service.ts';
import { makeTempDir } from './support/temp-dir.ts';

let base: Promise<string> | undefined;

/** A shell, Node.js, and git with the part that speaks HTTP. */
async function pushBase(registry: string): Promise<string> {
  await using dir = await makeTempDir();
  const gitPath = (await run('sh', ['-c', 'command -v git'])).trim();
  const execPath = (await run('git', ['--exec-path'])).trim();
  const programs = [process.execPath, gitPath, `${execPath}/git-remote-http`, '/usr/bin/env'];
  const layers = await Promise.all([busyboxLayer(dir.path), programLayer(dir.path, programs)]);
  const env = [`PATH=${dirname(process.execPath)}:/usr/bin:/bin`];
  return pushImage({
    registry,
    repository: 'test/run-base',
    tag: 'v1',
    layers,
    env,
    signal: AbortSignal.timeout(60_000),
  });
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('two commands make a change of a prompt', async (t) => {
      const engines = await requires(t, name, 'registry');
      if (!engines) return;
      base ??= pushBase(engines.registry);
      const from = await base;
      // The other engine of this machine must not be found.
      const none = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
      const script = asAgent(
        'test -e /.dockerenv || test -e /run/.containerenv || exit 9; cat >prompt.txt; echo Done.',
      );
      await using user = await startUser({ ...none, ...engines[name].env, ...script });
      const path = await user.repository('Ein Projekt');
      const image = 'localhost/plan42-agent-custom:latest';
      try {
        const command = ['--command', script['PLAN42_AGENT_COMMAND'] ?? '', '--protocol', 'command'];
        const built = await user.plan42(path, [
          'agent',
          'build',
          '--engine',
          name,
          '--agent',
          'custom',
          ...command,
          '--base',
          from,
        ]);
        assert.equal(built.exitCode, 0, built.stderr);
        const ran = await user.plan42(path, ['run', '--agent', 'custom', '--json', 'Write this down']);
        assert.equal(ran.exitCode, 0, ran.stderr);
        const document = parseAs('run.json', ran.stdout);
        assert.equal((await user.service())?.runtime, name);
        assert.match(await git(path, ['show', `${document.branch}:prompt.txt`]), /Write this down/);
        const again = await user.plan42(path, ['run', '--turn', document.taskId, '--apply', '--json', 'And this']);
        assert.equal(again.exitCode, 0, again.stderr);
        assert.deepEqual(parseAs('run.json', again.stdout).commits, 2);
      } finally {
        await run(name, ['rmi', '--force', image], {
          env: { PATH: process.env['PATH'] ?? '', ...engines[name].env },
        }).catch(() => {});
      }
    });
  });
}
