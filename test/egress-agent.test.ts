/** The reference agent behind the wall, unchanged: from a clone to a pull request, with a model that the runner configures. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { makeAgentSetting } from './support/agent-setting.ts';
import { connectionConfig, createConnection, createRepository, variablesOf } from './support/chain-setting.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { agentEntrypoint, pushReferenceAgent } from './support/reference-agent-image.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';

// The runner configures the first host. Nothing allows the second one.
const script = `const answer = await fetch(process.env.OPENAI_BASE_URL);
const other = await fetch('http://evil.invalid/');
console.log(await answer.text(), other.status);`;
// The prompt names the file of the task.
const command = `cat >prompt.txt; cp "$(grep -o '/.*spec.md' prompt.txt)" copied.md; node --input-type=module --eval "$SCRIPT"`;

// Of this machine, but not one that programs look for in the container itself.
const address = '127.0.0.2';

for (const name of ['docker', 'podman'] as const) {
  suite(name, () => {
    test('the reference agent works from clone to pull request behind the wall, with a file of its task', async (t) => {
      const engines = await requires(t, name, 'registry');
      if (!engines) return;
      await using setting = await makeAgentSetting({ host: address });
      const { git, github } = setting;
      await using undo = new AsyncDisposableStack();
      const model = createServer((_, response) => response.end('I am the model.'));
      await once(model.listen(0, address), 'listening');
      undo.defer(() => void model.close());
      const modelUrl = `http://${address}:${(model.address() as AddressInfo).port}/v1`;
      await using plane = await startControlPlane();
      const GithubConnectionId = await createConnection(plane);
      const jobs = `[jobs]\nentrypoint = "${agentEntrypoint}"\nenv = ["OPENAI_BASE_URL=${modelUrl}"]\n`;
      await using runner = await RunnerProcess.start({
        url: plane.server.url,
        token: await plane.newToken(),
        runtime: name,
        config: `${connectionConfig(GithubConnectionId, setting)}${jobs}[egress]\nmode = "enforce"\n`,
        env: engines[name].env,
      });
      await runner.logged(/queue registered/);
      const repo = await createRepository(setting, 'acme/walled');
      const EnvironmentId = await plane.newEnvironment({
        Repos: [repo],
        GithubConnectionId,
        DockerImage: await pushReferenceAgent(engines.registry),
        AllowedHosts: ['npm'],
        EnvVars: variablesOf({
          PLAN42_AGENT: 'custom',
          PLAN42_AGENT_COMMAND: JSON.stringify(['sh', '-c', command]),
          PLAN42_AGENT_PROTOCOL: 'command',
          SCRIPT: script,
        }),
      });
      const fileId = await attach(plane, 'spec.md', 'the specification');
      const fields = { EnvironmentId, Title: 'Greet', Prompt: 'Write this down', FileIDs: [fileId] };
      const taskId = await plane.newTask(fields);
      const { turn } = await untilOver(plane, taskId, 120_000);
      assert.deepEqual([turn.ErrorMessage, turn.Status], [undefined, 'Completed'], runner.log);
      assert.equal(turn.OutputMessage, 'I am the model. 403');
      const { FeatureBranch } = (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo[repo];
      assert.match(await git.git(repo, 'show', `${FeatureBranch}:prompt.txt`), /^Write this down/);
      assert.equal(await git.git(repo, 'show', `${FeatureBranch}:copied.md`), 'the specification');
      assert.equal(github.state.repos.get(repo)?.pullRequests.size, 1);
    });
  });
}

/** Uploads a file, and returns its ID. */
async function attach(plane: TestControlPlane, Name: string, content: string): Promise<string> {
  const id = randomUUID();
  const { body } = await plane.call('PUT', `files/${id}`, { body: { Name, Size: content.length } });
  const { status } = await fetch(body.UploadURL, { method: 'PUT', body: content });
  assert.equal(status, 200);
  return id;
}
