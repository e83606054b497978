/** A new token is taken over while the runner runs, and a wrong configuration changes nothing. */
import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const config = '[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", "sleep 3; exit 7"]\n';

async function revokeAll(plane: TestControlPlane): Promise<void> {
  const { body } = await plane.call('GET', `${plane.runner}/tokens`);
  for (const { TokenID, Version } of body.Items) {
    const { status } = await plane.call('POST', `${plane.runner}/tokens/${TokenID}/revoke`, { ifMatch: Version });
    assert.equal(status, 204);
  }
}

/** As editors and configuration tools do it: a new file in the place of the old one. */
async function edit(runner: RunnerProcess, change: (text: string) => string): Promise<void> {
  const file = join(runner.folder, 'plan42-runner.toml');
  await writeFile(`${file}.new`, change(await readFile(file, 'utf8')), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

test('a revoked token is said once; with a new one in the file everything goes on, jobs included', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  await using runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: 'host', config });
  await runner.ready();
  const taskId = await startTask(plane, 'example/agent');
  await runner.logged(/job started/);

  await revokeAll(plane);
  await runner.logged(/runner token rejected/);
  const newToken = await plane.newToken();
  await edit(runner, (text) => text.replace(token, newToken));
  await runner.logged(/runner token replaced/);
  await eventually(async () => (runner.log.match(/runner ready/g) ?? []).length === 2);
  assert.equal(runner.log.match(/runner token rejected/g)?.length, 1, 'said once');

  const { turn } = await untilOver(plane, taskId);
  assert.match(turn.ErrorMessage, /exit code 7/);
  assert.ok((await runner.jobLog(jobIdOf(taskId))) === '', 'the job was left alone');
  const second = await untilOver(plane, await startTask(plane, 'example/agent'));
  assert.match(second.turn.ErrorMessage, /exit code 7/, 'new work arrives');
  assert.ok(!runner.log.includes(newToken.slice(5, 60)));
});

test('SIGHUP reads the file again; mistakes and another runner’s token change nothing', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  await using runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: 'host', config });
  await runner.ready();

  await edit(runner, (text) => text.replace(token, 'p42r_nonsense'));
  process.kill(runner.pid, 'SIGHUP');
  await runner.logged(/cannot reload configuration, keeping the old one.*a JWT has 3 parts/);

  const { body: other } = await plane.call('PUT', `runners/${crypto.randomUUID()}`, {
    body: { Name: 'other', IsCloud: false, RunsTasks: true, ProxiesGithub: false },
  });
  const othersToken = await plane.newToken(`${plane.tenant}/runners/${other.RunnerId}`);
  await edit(runner, (text) => text.replace('p42r_nonsense', othersToken));
  await runner.logged(/cannot reload configuration.*the new token belongs to another runner/);

  await edit(runner, (text) => `${text.replace(othersToken, token)}\n[jobs]\nmax_jobs = 9\n`);
  await runner.logged(/restart required tables=\["jobs"\]/);
  const { turn } = await untilOver(plane, await startTask(plane, 'example/agent'));
  assert.match(turn.ErrorMessage, /exit code 7/);
});

test('changed models are for jobs that start afterwards, without a restart', async () => {
  await using plane = await startControlPlane();
  const token = await plane.newToken();
  const given =
    'claude_token = "sk-ant-first"\nno_websearch = true\n[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
  await using runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: 'host', config: given });
  await runner.ready();
  const modelsOf = async (taskId: string) => {
    await untilOver(plane, taskId);
    const { ClaudeToken, OpenAIEndpoint, ModelMappings } = JSON.parse(await runner.jobLog(jobIdOf(taskId)));
    return { ClaudeToken, OpenAIEndpoint, ModelMappings };
  };
  const first = await modelsOf(await startTask(plane, 'example/agent'));
  assert.equal(first.ClaudeToken, 'sk-ant-first');
  await runner.logged(/agent switches ignored .*runtime=host/);

  const mapping = '[runner.model_mappings."Claude 4.5 Opus"]\nprovider = "claude"\nmodel = "own"\n';
  const next = `claude_token = "sk-ant-second"\nopenai_endpoint = "https://own.example/v1"\n${mapping}`;
  await edit(runner, (text) => text.replace('claude_token = "sk-ant-first"\nno_websearch = true\n', next));
  await runner.logged(/configuration reloaded/);
  assert.match(runner.log, /model settings replaced/);
  assert.ok(!runner.log.includes('restart required'));
  assert.deepEqual(await modelsOf(await startTask(plane, 'example/agent')), {
    ClaudeToken: 'sk-ant-second',
    OpenAIEndpoint: 'https://own.example/v1',
    ModelMappings: { 'Claude 4.5 Opus': { Provider: 'claude', Model: 'own' } },
  });
  assert.doesNotMatch(runner.log, /sk-ant-(first|second)/);
});
