/**
 * The whole chain with real command-line agents: `plan42 agent build` makes the image, a server and a runner start it in a
 * container, and a prompt and then its review comments become commits, pushes and one pull request at a real git server.
 * Offline: the packages come from a registry on this machine, and a model server follows a script.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { adapters } from '../src/agent/adapters/find-adapter.ts';
import { imageOfAgent } from '../src/cli/agents/recipe.ts';
import { builderGateway, pushAgentBase } from './support/agent-base.ts';
import { setUpAgent } from './support/agent-setting.ts';
import { connectionConfig, createConnection, createRepository, variablesOf } from './support/chain-setting.ts';
import { startControlPlane } from './support/control-plane.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { startFakeModel } from './support/fake-model/fake-model.ts';
import { makeReviewComment, makeThread } from './support/github/state.ts';
import { installAgent } from './support/npm-agent.ts';
import { installedPackages, startNpmRegistry } from './support/npm-registry.ts';
import { type RealAgent, wantedAgents } from './support/real-agents.ts';
import { requiresCommands } from './support/requires-command.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');
const turnTimeoutMs = 180_000;

// Those that `plan42 agent build` installs.
const built = wantedAgents.filter(([, agent]) =>
  adapters.some(({ packages: { npm = [] } }) => npm.some((name) => agent.package.startsWith(`${name}@`))),
);

suite('a real agent in the whole chain', { timeout: 600_000 }, () => {
  for (const [name, agent] of built) {
    test(`${name}: a prompt and its review become a pull request`, async (t) => {
      const engines = await requires(t, 'docker', 'registry');
      if (!engines || !(await requiresCommands(t, 'npm', 'git'))) return;
      const { env } = engines.docker;
      const setting = await setUpAgent(t);
      const { dir, git, github } = setting;
      await using npm = await registryOf(agent, env, dir.path);
      const npmRegistry = [`NPM_CONFIG_REGISTRY=${npm.url}`];
      const base = await pushAgentBase(engines.registry, { repository: 'test/chain-base', env: npmRegistry });
      const home = { PATH: process.env['PATH'] ?? '', HOME: dir.path, NODE_EXTRA_CA_CERTS: '', ...env };
      const options = ['--agent', agent.adapter, '--engine', 'docker', '--base', base];
      const image = (await run(plan42, ['agent', 'build', ...options], { env: home })).trim();
      t.after(() => run('docker', ['rmi', '--force', image, base], { env }).catch(() => {}));
      assert.equal(image, imageOfAgent(agent.adapter));

      await using model = await startFakeModel({ commands: [], text: '' });
      await using plane = await startControlPlane();
      const GithubConnectionId = await createConnection(plane);
      await using runner = await RunnerProcess.start({
        url: plane.server.url,
        token: await plane.newToken(),
        runtime: 'docker',
        config: `${connectionConfig(GithubConnectionId, setting)}[jobs]\nnetwork = "host"\n`,
        env,
      });
      await runner.logged(/queue registered/, turnTimeoutMs);
      const repo = await createRepository(setting, 'acme/greeter', { 'greeting.txt': 'helo\n' });
      const EnvironmentId = await plane.newEnvironment({
        Repos: [repo],
        GithubConnectionId,
        DockerImage: image,
        EnvVars: variablesOf(agent.env(`http://127.0.0.1:${model.port}`)),
      });

      model.script = { commands: ['sed -i s/helo/hello/ greeting.txt'], text: 'Fixed the **greeting**.' };
      const fields = { EnvironmentId, Title: 'Greet', Prompt: 'Fix the greeting', Model: agent.model };
      const taskId = await plane.newTask(fields);
      const first = (await untilOver(plane, taskId, turnTimeoutMs)).turn;
      assert.deepEqual([first.ErrorMessage, first.Status], [undefined, 'Completed'], runner.log);
      assert.equal(first.OutputMessage, 'Fixed the **greeting**.');
      const { FeatureBranch: branch, PRNumber } = await repoInfo();
      assert.equal(await git.git(repo, 'show', `${branch}:greeting.txt`), 'hello');
      assert.equal(first.CommitInfo[repo].LastCommitHash, await git.git(repo, 'rev-parse', branch));

      const pullRequests = github.state.repos.get(repo)?.pullRequests;
      const thread = makeThread([makeReviewComment({ body: 'Greet the whole world.', path: 'greeting.txt' })]);
      pullRequests?.get(PRNumber)?.reviewThreads.push(thread);
      model.asked = [];
      model.script = {
        commands: ['echo hello, world >greeting.txt'],
        text: 'Greets the world.\n\n### Reply 1\n\nIt greets all of it now.',
      };
      const created = await plane.call('PUT', `tasks/${taskId}/turns/2`, { body: { Prompt: 'Address the comments' } });
      assert.equal(created.status, 201);
      const second = (await untilOver(plane, taskId, turnTimeoutMs)).turn;
      assert.deepEqual([second.ErrorMessage, second.Status], [undefined, 'Completed'], runner.log);
      assert.equal(second.OutputMessage, 'Greets the world.');
      assert.match(model.asked[0]?.body ?? '', /Greet the whole world\./);
      assert.equal(await git.git(repo, 'show', `${branch}:greeting.txt`), 'hello, world');
      assert.equal(await git.git(repo, 'rev-list', '--count', `main..${branch}`), '2');
      assert.deepEqual([...(pullRequests?.keys() ?? [])], [PRNumber]);
      assert.match(thread.comments[1]?.body ?? '', /It greets all of it now\.$/);

      async function repoInfo() {
        return (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo[repo];
      }
    });
  }
});

/** A registry with an agent that is installed on this machine, which builds reach. */
async function registryOf(agent: RealAgent, env: Record<string, string>, dir: string) {
  const bin = await installAgent(agent.package);
  const packages = await installedPackages(join(bin, '..'), dir);
  const host = await builderGateway(env);
  const registry = await startNpmRegistry(host, packages);
  return Object.assign(registry, { url: `http://${host}:${registry.port}` });
}
