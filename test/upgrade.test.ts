/** An upgrade replaces or deletes the files of programs that keep running. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFile, cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { createHandlers } from '../src/runner/messages/handlers.ts';
import { startScreen } from './support/config-screen.ts';
import { callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { startGithub } from './support/github/double.ts';
import { makePullRequest, makeRepo } from './support/github/state.ts';
import { MessagePlane } from './support/message-plane.ts';
import { requiresCommands } from './support/requires-command.ts';
import { runnerJwt } from './support/runner-jwt.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { jobIdOf } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');
const plan42 = (...args: string[]) => promisify(execFile)(join(root, 'bin/plan42'), args);

suite('a program whose files are deleted', { timeout: 120_000, concurrency: 2 }, () => {
  test('a runner handles every message, starts agents, responds to commands, reloads and drains', async () => {
    await using github = await startGithub();
    const pullRequests = new Map([
      [5, makePullRequest({ threads: 1, threadComments: () => 1, comments: 0, reviews: 0 })],
    ]);
    github.state.repos.set('acme/app', makeRepo({ pullRequests }));
    await using plane = await new MessagePlane().listen();
    await using installed = await install();
    const ConnectionID = randomUUID();
    const connection = (name: string, id: string) =>
      `[github.${name}]\nconnection_id = "${id}"\nurl = "${github.url}"\ntoken = "${github.state.token}"\n`;
    await using runner = await RunnerProcess.start({
      ...{ url: plane.url, token: plane.token, runtime: 'host', bin: installed.bin },
      config: `[host]\nunisolated = true\ncommand = ["/bin/cat"]\n${connection('ours', ConnectionID)}`,
    });
    await runner.ready();
    await installed.delete();

    const taskId = randomUUID();
    const ids = { TenantId: plane.tenantId, TaskId: taskId };
    const RepoInfo = { 'acme/app': { PRNumber: 5, FeatureBranch: 'feature', TargetBranch: 'main' } };
    const messages: Record<string, object> = {
      PingRequest: {},
      InvokeAgentRequest: {
        Task: { ...ids, Title: 'title', RepoInfo },
        Turn: { ...ids, TurnIndex: 2, Status: 'Pending', Version: 1 },
        Environment: { DockerImage: 'agent' },
        PrivateGithubConnectionID: ConnectionID,
        AgentToken: 'p42a_x',
      },
      ListOrgsForGithubConnectionRequest: { ConnectionID },
      SearchRepoRequest: { ConnectionID, OrgName: 'acme', Search: 'app' },
      ListRepoBranchesRequest: { ConnectionID, OrgName: 'acme', RepoName: 'app' },
      GetDefaultBranchesRequest: { ConnectionID, Repos: ['acme/app'] },
    };
    const handled = createHandlers({} as Parameters<typeof createHandlers>[0]);
    assert.deepEqual(Object.keys(messages).toSorted(), [...handled.keys()].toSorted());
    for (const [Type, body] of Object.entries(messages)) {
      const [answer] = await plane.deliver([plane.message({ Type, ...body })], 30_000);
      assert.equal(answer?.['Type'], Type.replace('Request', 'Response'));
      assert.equal(answer['ErrorMessage'] ?? null, null, Type);
    }
    const jobId = jobIdOf(taskId, 2);
    await eventually(async () => runner.log.includes(`job finished job_id=${jobId}`));
    assert.equal(JSON.parse(await runner.jobLog(jobId)).FeedBack['acme/app'].length, 1);

    const stateDir = join(runner.folder, 'state');
    assert.match((await plan42('runner', 'status', '--state-dir', stateDir)).stdout, /Ready/i);
    const other = randomUUID();
    await appendFile(join(runner.folder, 'plan42-runner.toml'), connection('other', other));
    await runner.logged(/GitHub connections replaced/);
    const [answer] = await plane.deliver([
      plane.message({ Type: 'ListOrgsForGithubConnectionRequest', ConnectionID: other }),
    ]);
    assert.deepEqual(answer?.['Items'], ['acme', 'octo']);
    assert.equal(await runner.stop(), 0);
    assert.doesNotMatch(runner.log, /Cannot find|ERR_MODULE|ENOENT/);
  });

  test('a screen checks the server', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    await using installed = await install();
    await using screen = await startScreen({ bin: installed.bin, args: ['--server', 'http://127.0.0.1:9'] });
    const { terminal } = screen;
    await terminal.shows('[docker v]  ready');
    await installed.delete();
    await terminal.type(runnerJwt());
    await terminal.press('PageDown');
    await terminal.shows(/cannot reach|unreachable|ECONNREFUSED/);
    await terminal.press('Escape');
    assert.equal((await screen.left()).exitCode, 0);
  });

  test('a server serves its page and the API, and backs up and stops', async () => {
    await using dir = await makeTempDir();
    await using installed = await install();
    await using server = await ServerProcess.start(join(dir.path, 'data'), 0, [], installed.bin);
    await installed.delete();
    for (const path of ['/', '/page.js', '/page.css', '/icon.svg']) {
      const { status, body } = await callServer(server.url, 'GET', path, {});
      assert.equal(status, 200, path);
      assert.ok(String(body).length > 100, path);
    }
    const data = ['--data', server.dataDir];
    await plan42('server', 'task', 'create', ...data, '--image', 'agent', '--prompt', 'Say hello.');
    assert.match((await plan42('server', 'task', 'list', ...data)).stdout, /Say hello/);
    assert.match((await plan42('server', 'token', 'create', ...data)).stdout, /^p42r_/);
    await plan42('server', 'backup', join(dir.path, 'backup'), ...data);
    const { status } = await callServer(server.url, 'GET', '/v1/nothing', {});
    assert.equal(status, 404);
  });
});

/** A copy of the built programs, which can be deleted. */
async function install() {
  const dir = await makeTempDir();
  await cp(join(root, 'bin'), join(dir.path, 'bin'), { recursive: true });
  await cp(join(root, 'dist/js'), join(dir.path, 'dist/js'), { recursive: true });
  await mkdir(join(dir.path, 'node_modules'));
  await symlink(join(root, 'node_modules/node'), join(dir.path, 'node_modules/node'));
  return {
    bin: join(dir.path, 'bin'),
    delete: () => rm(dir.path, { recursive: true }),
    [Symbol.asyncDispose]: () => rm(dir.path, { recursive: true, force: true }),
  };
}
