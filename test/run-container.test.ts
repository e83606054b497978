/** `plan42 run` with agents in real containers, from a machine that has no image of the agent to a merged change. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { defaultBase } from '../src/cli/agents/dockerfile.ts';
import { builderGateway, provideBase } from './support/agent-base.ts';
import { type Env, run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { git } from './support/git.ts';
import { programPackage, startNpmRegistry } from './support/npm-registry.ts';
import { read, startUser, type User } from './support/personal-service.ts';
import { requiresCommands } from './support/requires-command.ts';
import { jobIdOf } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const program = `#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
if (!existsSync('/.dockerenv') && !existsSync('/run/.containerenv')) process.exit(9);
const prompt = readFileSync(0, 'utf8');
writeFileSync('prompt.txt', prompt);
writeFileSync('key.txt', String(process.env.OPENAI_API_KEY));
if (prompt.startsWith('Never end')) {
  writeFileSync('data', randomBytes(5 << 20));
  writeFileSync('/tmp/written', '');
  setInterval(() => {}, 60_000);
}
if (prompt.startsWith('Reach out') && !(await fetch('http://evil.invalid/')).ok) process.exit(3);
if (!prompt.startsWith('Never end')) console.log('Done.');
`;
const adapter = `export default {
  name: 'tiny',
  packages: { npm: ['tiny-agent'] },
  commandLine: ({ prompt }) => ({ command: ['tiny-agent'], input: prompt }),
};
`;
const key = 'sk-proj-0123456789abcdefghijklmnopqrstuv';
const image = 'localhost/plan42-agent-tiny:latest';

suite('plan42 run in containers', { concurrency: 2 }, () => {
  for (const name of ['podman', 'docker'] as const) {
    test(`with ${name}, a prompt in a fresh clone becomes a merged change, without a set-up`, async (t) => {
      const engines = await requires(t, name, 'docker', 'registry');
      if (!engines || !(await requiresCommands(t, 'npm'))) return;
      const { env } = engines[name];
      await using dir = await makeTempDir();
      const host = await builderGateway(engines.docker.env);
      await using npm = await startNpmRegistry(host, [await programPackage(dir.path, 'tiny-agent', program)]);
      const npmUrl = `http://${host}:${npm.port}`;
      const base = await provideBase(name, env, { registry: engines.registry, npm: npmUrl });
      // The other engine of this machine must not be found.
      await using user = await startUser({
        ...{ DOCKER_HOST: 'unix:///nonexistent/docker.sock', OPENAI_API_KEY: key },
        ...env,
      });
      const source = await user.repository('Ein Projekt');
      const clone = join(user.folder, 'clone');
      await git(user.folder, ['clone', '--quiet', source, clone]);
      await writeFile(join(user.folder, 'tiny.mjs'), adapter);
      const agent = ['run', '--agent', '../tiny.mjs'];
      try {
        const first = await succeed(user, clone, [...agent, 'Write this down']);
        assert.match(first.stderr, /^The agent reaches its model, package registries and github\.com\. /m);
        assert.match(first.stderr, /^Building localhost\/plan42-agent-tiny:latest, which takes a few minutes once\./m);
        const [, branch = ''] = /git merge (\S+)/.exec(first.stdout) ?? [];
        await git(clone, ['merge', '--quiet', branch]);
        assert.match((await read(clone, 'prompt.txt')) ?? '', /^Write this down\n/);
        assert.equal((await user.service())?.runtime, name);
        assert.ok(npm.requests.includes('/tiny-agent-1.0.0.tgz'), npm.requests.join());

        const built = await idOf(name, env);
        npm.requests.length = 0;
        const again = await succeed(user, clone, [...agent, '--json', '--detach', 'Again']);
        assert.doesNotMatch(again.stderr, /Building/);
        assert.equal(await idOf(name, env), built);

        const endless = (await succeed(user, clone, [...agent, '--detach', 'Never end'])).stdout.trim();
        const isWritten = ['exec', jobIdOf(endless, 1), 'test', '-e', '/tmp/written'];
        await eventually(async () => {
          return await run(name, isWritten, { env }).then(
            () => true,
            () => false,
          );
        });
        await succeed(user, clone, ['task', 'cancel', endless]);
        // It pushes after the turn has ended.
        await eventually(async () => {
          return / data +\| +Bin 0 -> 5242880 bytes/.test(
            (await user.plan42(clone, ['task', 'diff', '--stat', endless])).stdout,
          );
        });

        const refused = await user.plan42(clone, [...agent, 'Reach out']);
        assert.equal(refused.exitCode, 1, refused.stderr);
        const failure = refused.stderr.slice(refused.stderr.indexOf('ERROR: '));
        assert.match(failure, /turn 1 failed: .*The network of the job refused evil\.invalid:80: no entry allows/);
        const [, id = ''] = /run "plan42 run --turn (\S+) --allow evil\.invalid PROMPT"/.exec(failure) ?? [];
        const allowed = await user.plan42(clone, ['run', '--turn', id, '--allow', 'evil.invalid', 'Reach out']);
        assert.equal(allowed.exitCode, 1, 'there is no such host');
        assert.doesNotMatch(allowed.stdout + allowed.stderr, /refused evil/);

        const turnWith = (value: string, name = 'OPENAI_API_KEY') =>
          user.plan42(clone, ['run', '--turn', id, '--env', name, 'Reach out'], { env: { [name]: value } });
        assert.match(
          (await turnWith('two lines\nfor a header')).stderr,
          /^ERROR: cannot keep OPENAI_API_KEY out of the job: no header can have it/m,
        );
        assert.match((await turnWith('no-host-knows-it', 'MY_TOKEN')).stderr, /^MY_TOKEN is not bound to hosts, so/m);

        const keyIn = async (options: string[]) => {
          const { stdout } = await succeed(user, clone, [...agent, '--env', 'OPENAI_API_KEY', ...options, 'Use it']);
          return git(clone, ['show', `${/git merge (\S+)/.exec(stdout)?.[1]}:key.txt`]);
        };
        const placeholder = await keyIn([]);
        assert.match(placeholder, /^sk-proj-/);
        assert.notEqual(placeholder, key);
        assert.equal(await keyIn(['--network', 'open']), key);

        // As an earlier version of this program has left it.
        await writeFile(join(dir.path, 'Dockerfile'), `FROM ${image}\nLABEL ai.plan42.agent-files=0\n`);
        await run(name, ['build', '--tag', image, '--file', join(dir.path, 'Dockerfile'), dir.path], { env });
        const upgraded = await succeed(user, clone, [...agent, '--json', 'After an upgrade']);
        assert.match(
          upgraded.stderr,
          /^localhost\/plan42-agent-tiny:latest is from another version of Plan42\. Building/m,
        );
        assert.deepEqual(npm.requests, [], 'from the layers that were there');
        assert.notEqual(await labelOf(name, env), '0');
      } finally {
        await run(name, ['rmi', '--force', image, defaultBase, base], { env }).catch(() => {});
      }
    });
  }
});

async function succeed(user: User, folder: string, argv: readonly string[]) {
  const result = await user.plan42(folder, argv);
  assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  return result;
}

const inspect = (name: string, env: Env, format: string) =>
  run(name, ['image', 'inspect', '--format', format, image], { env }).then((output) => output.trim());
const idOf = (name: string, env: Env) => inspect(name, env, '{{.Id}}');
const labelOf = (name: string, env: Env) => inspect(name, env, '{{index .Config.Labels "ai.plan42.agent-files"}}');
