/** The answer of an agent reaches people in many places, and has a secret in none of them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { branch, setUpAgent } from '../../test/support/agent-setting.ts';
import { makeReviewComment, makeThread } from '../../test/support/github/state.ts';

const secret = 'hunter2hunter2';
const EnvVars = [{ Name: 'API_KEY', Value: secret, IsSecret: true }];
const Title = `Fix it with ${secret}`;

suite('a secret', { timeout: 600_000 }, () => {
  test('that an agent repeats is in no commit, pull request, comment or field of the turn', async (t) => {
    const { git, github, turn } = await setUpAgent(t);
    const work = async ({ folder }: { folder: string }, text: string) => {
      await writeFile(join(folder, 'greeting.txt'), text);
      return {
        message: `The key is ${secret}.\n\n### Reply 1\n${secret}\n\n### Reply 2\n${secret}`,
        session: `session-${secret}`,
      };
    };
    const Task = { Title, Prompt: `Use ${secret}` };
    await turn((task) => work(task, 'hello\n'), { request: { Environment: { EnvVars }, Task } });
    const [pullRequest] = github.state.repos.get('acme/app')?.pullRequests.values() ?? [];
    assert.ok(pullRequest);
    const thread = makeThread([makeReviewComment()]);
    pullRequest.reviewThreads.push(thread);
    const comments = [{ User: 'ann', Body: 'Why?' }];
    const items = [
      { ID: thread.id, IsResolved: false, Comments: comments },
      { ID: 'IC_9', IsResolved: false, Comments: comments },
    ];
    const {
      turn: result,
      task,
      log,
    } = await turn((task) => work(task, 'hello, world\n'), {
      request: {
        Environment: { EnvVars },
        Task,
        Turn: { TurnIndex: 2, Prompt: `Use ${secret} again` },
        FeedBack: { 'acme/app': items },
      },
    });
    const commits = await git.git('acme/app', 'log', '--format=%B', branch.replace('the-greeting', 'it-with-redacted'));
    const answers = [thread.comments[1]?.body, pullRequest.comments[0]?.body];
    const { title, body } = pullRequest;
    const shown = { result, commits, answers, title, body };
    const text = JSON.stringify(shown);
    assert.equal(result.ErrorMessage, undefined);
    assert.equal(result.Status, 'Completed');
    for (const [name, part] of Object.entries(shown)) {
      assert.match(String(JSON.stringify(part)), /\[redacted\]/, name);
    }
    assert.ok(!text.includes(secret), text);
    assert.ok(!JSON.stringify(log).includes(secret));
    assert.equal(result.PreviousResponseID, undefined);
    assert.ok(task.RepoInfo['acme/app']);
  });
});
