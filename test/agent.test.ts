/** The reference agent with a real server, runner and git server: from a prompt to a pull request, and its review. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setUpAgent, token } from './support/agent-setting.ts';
import { startControlPlane } from './support/control-plane.ts';
import { makeIssueComment, makeReviewComment, makeThread } from './support/github/state.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-agent.mjs');
/** Answers the first comment of the prompt. */
const command =
  'cat >prompt.txt; echo hello >>greeting.txt; echo "Fixed it."; echo; echo "### Reply 1"; echo "As you wish."';

suite('the reference agent', () => {
  test('opens a pull request, and answers its review in the next turn', { timeout: 600_000 }, async (t) => {
    const { git, github } = await setUpAgent(t);
    await using plane = await startControlPlane();
    const connection = randomUUID();
    const RunnerID = plane.runner.split('/').at(-1);
    const created = await plane.call('PUT', `github-connections/${connection}`, { body: { Private: true, RunnerID } });
    assert.equal(created.status, 201);
    const config = `[github.test]\nconnection_id = "${connection}"\nurl = "${git.url}"\ntoken = "${token}"\n
      [host]\nunisolated = true\ncommand = ["${process.execPath}", "${bundle}"]\n`;
    const url = plane.server.url;
    await using runner = await RunnerProcess.start({ url, token: await plane.newToken(), runtime: 'host', config });
    await runner.logged(/queue registered/);

    const EnvironmentId = await plane.newEnvironment({
      Repos: ['acme/app'],
      Context: 'Be brief.',
      GithubConnectionId: connection,
      EnvVars: [
        { Name: 'PLAN42_AGENT_COMMAND', Value: JSON.stringify(['sh', '-c', command]), IsSecret: false },
        { Name: 'PLAN42_AGENT_PROTOCOL', Value: 'command', IsSecret: false },
      ],
    });
    const taskId = await plane.newTask({ EnvironmentId, Title: 'Größe ändern', Prompt: 'Fix the greeting' });
    const first = await untilOver(plane, taskId);
    assert.equal(first.turn.Status, 'Completed', first.turn.ErrorMessage);
    assert.equal(first.turn.OutputMessage, 'Fixed it.');
    const task = (await plane.call('GET', `tasks/${taskId}`)).body;
    const { FeatureBranch, PRNumber, PRStatus } = task.RepoInfo['acme/app'];
    assert.deepEqual([FeatureBranch, PRNumber, PRStatus], [`plan42/grosse-andern-${taskId.slice(0, 8)}`, 1, 'open']);
    assert.equal(
      first.turn.CommitInfo['acme/app'].LastCommitHash,
      await git.git('acme/app', 'rev-parse', FeatureBranch),
    );
    assert.match(
      await git.git('acme/app', 'show', `${FeatureBranch}:prompt.txt`),
      /^Fix the greeting\n[\s\S]*Be brief\./,
    );

    const pullRequest = github.state.repos.get('acme/app')?.pullRequests.get(1);
    assert.ok(pullRequest);
    const thread = makeThread([makeReviewComment({ path: 'greeting.txt', body: 'Greet the world.' })]);
    pullRequest.reviewThreads.push(thread);
    pullRequest.comments.push(makeIssueComment({ body: 'Thanks!' }));
    const turn = await plane.call('PUT', `tasks/${taskId}/turns/2`, { body: { Prompt: 'Address the review.' } });
    assert.equal(turn.status, 201);
    const second = await untilOver(plane, taskId);
    assert.equal(second.turn.Status, 'Completed', second.turn.ErrorMessage);
    assert.match(thread.comments[1]?.body ?? '', /\nAs you wish\.$/);
    assert.match(pullRequest.comments[1]?.body ?? '', /> Thanks!\n\nSee [0-9a-f]{10} /);
    assert.equal(github.state.repos.get('acme/app')?.pullRequests.size, 1);
    assert.equal(
      second.turn.CommitInfo['acme/app'].BaselineCommitHash,
      first.turn.CommitInfo['acme/app'].LastCommitHash,
    );
  });
});
