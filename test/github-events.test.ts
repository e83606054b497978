/** Comments and pull requests end to end: the real server, the real runner, and a GitHub that only the runner knows. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { request } from 'undici';
import { createControlClient } from '../src/control/client.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { type GithubDouble, startGithub } from './support/github/double.ts';
import { issueComment, pullRequestChange, push, review } from './support/github/events.ts';
import { makePullRequest, makeRepo, noDiscussion, type PullRequest } from './support/github/state.ts';
import { type SeenRequest, startTestServer, type TestServer } from './support/http-server.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';

const host = '[host]\nunisolated = true\ncommand = ["/bin/cat"]\n';
// The runner looks for feeds again, and reads one again, after up to a minute.
const patienceMs = 150_000;
// A shutdown waits for the poll that is under way.
const queues = '[queues]\npoll_wait = "1s"\ndrain_time = "300ms"\n';

interface Setting extends AsyncDisposable {
  plane: TestControlPlane;
  github: GithubDouble;
  pullRequest: PullRequest;
  /** On the way from the runner to the server. `before` can end the runner. */
  proxy: TestServer & { before?: (seen: SeenRequest) => Promise<void>; after?: (seen: SeenRequest) => Promise<void> };
  taskId: string;
  runner: RunnerProcess;
  config: string;
  /** Starts a runner with the state of the one before. */
  restart: () => Promise<void>;
  publish: (...events: ReturnType<typeof issueComment>[]) => void;
  turns: () => Promise<{ TurnIndex: number; Prompt: string; Status: string }[]>;
}

async function startProxy(target: () => string): Promise<Setting['proxy']> {
  const proxy: Setting['proxy'] = await startTestServer(async (response, seen) => {
    const { method, url, headers, body } = seen;
    const { host: _host, connection: _connection, 'content-length': _length, ...others } = headers;
    // Otherwise the server would give a message to a poll that the runner has left.
    const left = new AbortController();
    response.once('close', () => left.abort());
    try {
      await proxy.before?.(seen);
      const answer = await request(target() + url, {
        signal: left.signal,
        method,
        headers: others,
        body: body === '' ? null : body,
      });
      const text = await answer.body.text();
      await proxy.after?.(seen);
      response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(text);
    } catch {
      response.destroy();
    }
  });
  return proxy;
}

async function setUp(): Promise<Setting> {
  const github = await startGithub();
  github.state.pollInterval = '1';
  const plane = await startControlPlane();
  const proxy = await startProxy(() => plane.server.url);
  const connectionId = randomUUID();
  const body = { Private: true, RunnerID: plane.server.admin.runnerId };
  await plane.call('PUT', `github-connections/${connectionId}`, { body });
  const pullRequest = { ...makePullRequest(noDiscussion), number: 5, restId: 1005, author: 'octo' };
  github.state.repos.set('acme/app', makeRepo({ pullRequests: new Map([[5, pullRequest]]) }));
  const EnvironmentId = await plane.newEnvironment({ GithubConnectionId: connectionId, Repos: ['acme/app'] });
  const repo = { FeatureBranch: 'f', TargetBranch: 'main', PRID: '1005', PRNumber: 5, PRStatus: 'open' };
  const taskId = await plane.newTask({ EnvironmentId, RepoInfo: { 'acme/app': repo } });
  const table = `[github.ours]\nconnection_id = "${connectionId}"\nurl = "${github.url}"\ntoken = "${github.state.token}"\n`;
  const config = host + queues + table;
  const start = async (folder?: string) =>
    RunnerProcess.start({
      ...{ url: proxy.url, token: await plane.newToken(), runtime: 'host' as const, config },
      ...(folder !== undefined && { folder }),
    });
  const setting: Setting = {
    ...{ plane, github, proxy, pullRequest, taskId, config },
    runner: await start(),
    restart: async () => {
      setting.runner = await start(setting.runner.folder);
    },
    publish: (...events) => void github.state.feeds.set('acme', [...events, ...(github.state.feeds.get('acme') ?? [])]),
    turns: async () => (await plane.call('GET', `tasks/${taskId}/turns`)).body.Items,
    [Symbol.asyncDispose]: async () => {
      for (const part of [setting.runner, proxy, plane, github]) await part[Symbol.asyncDispose]();
    },
  };
  setting.publish(push({ id: '1' }));
  await untilOver(plane, taskId);
  await setting.runner.logged(/GitHub feed read .*events=0/, patienceMs);
  return setting;
}

// The agent, which is "cat", reports nothing, so its turns fail.
const untilTurn = ({ plane, taskId }: Setting, index: number) =>
  eventually(async () => {
    const { body } = await plane.call('GET', `tasks/${taskId}/turns/last`);
    return body.TurnIndex === index && ['Completed', 'Failed'].includes(body.Status);
  }, patienceMs);

suite('events of GitHub', { timeout: 600_000, concurrency: 4 }, () => {
  test('a comment on the pull request of a task starts turn 2, and a merge ends up in the task', async () => {
    await using setting = await setUp();
    const { plane, taskId, publish, pullRequest, runner } = setting;
    publish(issueComment({ id: '2', body: 'Rename it.\n/Plan42' }));
    await untilTurn(setting, 2);
    assert.deepEqual(
      (await setting.turns()).map(({ TurnIndex, Prompt }) => [TurnIndex, Prompt]),
      [
        [1, 'prompt'],
        [2, 'User requested changes via Github comments.'],
      ],
    );
    Object.assign(pullRequest, { state: 'closed', merged: true, updatedAt: '2026-02-03T04:05:06Z' });
    publish(pullRequestChange({ id: '3' }));
    await eventually(async () => {
      const { body } = await plane.call('GET', `tasks/${taskId}`);
      return body.RepoInfo['acme/app'].PRStatus === 'merged';
    }, patienceMs);
    const status = await createControlClient(join(runner.folder, 'state')).status();
    assert.equal(status.githubEvents?.feeds[0]?.org, 'acme');
    assert.equal(status.githubEvents?.feeds[0]?.error, null);
    assert.ok(Date.parse(status.githubEvents?.feeds[0]?.lastPoll ?? '') > 0);
    assert.equal(await runner.stop(), 0);
    assert.match(runner.log, /GitHub events summary feeds=1 .*turns_created=1 tasks_updated=1/);
    assert.ok(runner.log.indexOf('GitHub events summary') < runner.log.indexOf('runner stopped'));
    assert.ok(!runner.log.includes(setting.github.state.token), 'no token in the log');
  });

  // Each as the place at which the runner is killed, and the turns that the server has then.
  const kills: [name: string, arm: (setting: Setting, kill: () => Promise<void>) => void][] = [
    [
      'while it reads the pull request',
      ({ github }, kill) => {
        const { answer } = github.server;
        github.server.answer = async (response, seen) => {
          if (!seen.url.endsWith('/pulls/5')) return answer(response, seen);
          github.server.answer = answer;
          await kill();
          response.destroy();
        };
      },
    ],
    [
      'before the server has its call',
      ({ proxy }, kill) => {
        proxy.before = async ({ url }) => {
          if (!url.endsWith('/turns/2')) return;
          delete proxy.before;
          await kill();
          throw new Error('the runner is gone');
        };
      },
    ],
    [
      'before it has the response to its call',
      ({ proxy }, kill) => {
        proxy.after = async ({ url, method }) => {
          if (method !== 'PUT' || !url.endsWith('/turns/2')) return;
          delete proxy.after;
          await kill();
        };
      },
    ],
  ];
  for (const [name, arm] of kills) {
    test(`a runner that is killed ${name} creates one turn for one comment`, async () => {
      await using setting = await setUp();
      const killed = Promise.withResolvers<void>();
      arm(setting, async () => {
        await setting.runner.stop('SIGKILL');
        killed.resolve();
      });
      setting.publish(review({ id: '2' }));
      await killed.promise;
      const file = join(setting.runner.folder, 'state/github-events.json');
      // It waits there, or is read again.
      assert.match(await readFile(file, 'utf8'), /"pending":\[\{"id":"2"|"last_event_id":"1"/);
      await setting.restart();
      await untilTurn(setting, 2);
      // The event is done, and the feed was read since then.
      await eventually(async () => /"handled":\["2"\],"pending":\[\]/.test(await readFile(file, 'utf8')));
      setting.publish(push({ id: '3' }));
      await setting.runner.logged(/GitHub feed read .*events=1 wanted=0/, 60_000);
      assert.equal((await setting.turns()).length, 2);
    });
  }
});
