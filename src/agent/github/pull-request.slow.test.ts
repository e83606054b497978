/** Pull requests and replies of the reference agent, against a GitHub. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type AgentSetting, branch, setUpAgent } from '../../../test/support/agent-setting.ts';
import { makeRepo, makeReviewComment, makeThread } from '../../../test/support/github/state.ts';
import type { AgentTask } from '../drivers/driver.ts';

const change = (text: string) => (task: AgentTask) => writeFile(join(task.folder, 'greeting.txt'), text);
const pullRequestsOf = ({ github }: AgentSetting) => [
  ...(github.state.repos.get('acme/app')?.pullRequests.values() ?? []),
];
const turn2 = { Turn: { TurnIndex: 2, Prompt: 'Address the comments' } };

suite('a pull request', { timeout: 600_000 }, () => {
  test('is updated, and keeps what people wrote', async (t) => {
    const setting = await setUpAgent(t);
    await setting.turn(change('hello\n'));
    const [pullRequest] = pullRequestsOf(setting);
    assert.ok(pullRequest);
    pullRequest.title = 'A better title';
    pullRequest.body = `Before.\n\n${pullRequest.body}\n\nAfter.`;
    await setting.turn(
      async (task) => {
        await change('hello, world\n')(task);
        return { message: 'Second summary.' };
      },
      { request: turn2 },
    );
    assert.equal(pullRequestsOf(setting).length, 1);
    assert.equal(pullRequest.title, 'A better title');
    assert.match(pullRequest.body ?? '', /^Before\.\n\n[\s\S]*Second summary\.[\s\S]*\n\nAfter\.$/);
    assert.doesNotMatch(pullRequest.body ?? '', /Done\./);
  });

  test('names those of the other repositories of its task', async (t) => {
    const setting = await setUpAgent(t);
    const { git, github } = setting;
    github.state.repos.set('acme/lib', makeRepo());
    await git.create('acme/lib');
    await git.commit('acme/lib', { 'greeting.txt': 'helo\n' });
    const both = async ({ folder }: AgentTask) => {
      for (const name of ['app', 'lib']) await writeFile(join(folder, name, 'greeting.txt'), 'hello\n');
    };
    const Environment = { Repos: ['acme/app', 'acme/lib'] };
    const linkOf = (name: string) => `https://github.example.com/acme/${name}/pull/1`;
    const bodyOf = (name: string) => github.state.repos.get(`acme/${name}`)?.pullRequests.get(1)?.body ?? '';
    const requireLinks = () => {
      assert.ok(bodyOf('app').includes(`Together with:\n- ${linkOf('lib')}\n`), bodyOf('app'));
      assert.ok(bodyOf('lib').includes(`Together with:\n- ${linkOf('app')}\n`), bodyOf('lib'));
    };
    const first = await setting.turn(both, { request: { Environment } });
    assert.equal(first.turn.Status, 'Completed');
    requireLinks();
    // The other one does not change in this turn.
    const one = ({ folder }: AgentTask) => writeFile(join(folder, 'app/greeting.txt'), 'hello, world\n');
    const Task = { RepoInfo: first.task.RepoInfo };
    const second = await setting.turn(one, { request: { ...turn2, Environment, Task } });
    assert.equal(second.turn.Status, 'Completed');
    requireLinks();
  });

  test('gets the new title of its task, and a description without our section stays', async (t) => {
    const setting = await setUpAgent(t);
    await setting.turn(change('hello\n'));
    const [pullRequest] = pullRequestsOf(setting);
    assert.ok(pullRequest);
    const RepoInfo = { 'acme/app': { FeatureBranch: branch, TargetBranch: 'main' } };
    await setting.turn(change('hi\n'), { request: { ...turn2, Task: { Title: 'Another title', RepoInfo } } });
    assert.equal(pullRequest.title, 'Another title');
    pullRequest.body = 'My own words.';
    await setting.turn(change('hey\n'), { request: { ...turn2, Task: { RepoInfo } } });
    assert.deepEqual([pullRequest.title, pullRequest.body], ['Another title', 'My own words.']);
  });

  test('is not opened twice if the response was lost, or another client was faster', async (t) => {
    const setting = await setUpAgent(t);
    const { github } = setting;
    let posts = 0;
    github.everyAnswer = async (response, request) => {
      github.everyAnswer = undefined;
      const isOpening = request.method === 'POST' && request.url.endsWith('/pulls');
      // The request has its effect, and the connection breaks off.
      if (isOpening) response.end = () => response.destroy();
      await github.server.answer(response, request);
      github.everyAnswer = again;
      if (isOpening) posts += 1;
    };
    const again = github.everyAnswer;
    const { turn: result } = await setting.turn(change('hello\n'));
    assert.equal(result.ErrorMessage, undefined);
    assert.deepEqual([posts, pullRequestsOf(setting).length], [1, 1]);
  });

  test('is opened by the next turn if the last one was killed before', async (t) => {
    const setting = await setUpAgent(t);
    await setting.git.commit('acme/app', { 'greeting.txt': 'hello\n' }, { branch });
    const { turn: result, task } = await setting.turn(() => Promise.resolve({}), { request: turn2 });
    assert.equal(result.Status, 'Completed');
    assert.deepEqual([task.RepoInfo['acme/app']?.['PRNumber'], pullRequestsOf(setting).length], [1, 1]);
  });

  test('is opened again after the first one was closed', async (t) => {
    const setting = await setUpAgent(t);
    await setting.turn(change('hello\n'));
    Object.assign(pullRequestsOf(setting)[0] ?? {}, { state: 'closed' });
    await setting.turn(change('hello, world\n'), { request: turn2 });
    assert.deepEqual(
      pullRequestsOf(setting).map(({ state = 'open' }) => state),
      ['closed', 'open'],
    );
  });
});

suite('review comments', { timeout: 600_000 }, () => {
  const comment = (fields: object) => ({
    User: 'ann',
    Body: '',
    DiffHunk: '',
    Path: '',
    StartLine: 0,
    OrigStartLine: 0,
    IsMinimized: false,
    ...fields,
  });

  test('reach the agent, and each is answered once', async (t) => {
    const setting = await setUpAgent(t);
    await setting.turn(change('hello\n'));
    const [pullRequest] = pullRequestsOf(setting);
    assert.ok(pullRequest);
    const [first, second] = [makeThread([makeReviewComment()]), makeThread([makeReviewComment()])];
    pullRequest.reviewThreads.push(first, second);
    const onThread = { DiffHunk: '@@ -1 +1 @@\n-helo\n+hello', Path: 'greeting.txt', StartLine: 1 };
    const items = [
      { ID: first.id, IsResolved: false, Comments: [comment({ ...onThread, Body: 'Greet the world.' })] },
      { ID: second.id, IsResolved: false, Comments: [comment({ ...onThread, Body: 'Why?' })] },
      { ID: 'done', IsResolved: true, Comments: [comment({ Body: 'resolved' })] },
      { ID: 'IC_9', IsResolved: false, Comments: [comment({ Body: 'Is it tested?' })] },
    ];
    let prompt = '';
    const { turn: result } = await setting.turn(
      async (task) => {
        ({ prompt } = task);
        await change('hello, world\n')(task);
        return { message: 'Greets the world.\n\n### Reply 1\n\nDone.\n\n### Reply 3\nNot yet.' };
      },
      { request: { ...turn2, FeedBack: { 'acme/app': items } } },
    );
    assert.match(
      prompt,
      /## Comment 1: on greeting\.txt, line 1\n\n```diff\n@@ -1 \+1 @@\n-helo\n\+hello\n```\n\nann wrote:\n> Greet the world\./,
    );
    assert.match(prompt, /## Comment 3: on the pull request\n\nann wrote:\n> Is it tested\?/);
    assert.doesNotMatch(prompt, /resolved/);
    assert.equal(result.OutputMessage, 'Greets the world.');
    assert.match(first.comments[1]?.body ?? '', /^<!-- event-horizon plan42 -->\nDone\.$/);
    assert.match(
      second.comments[1]?.body ?? '',
      /^<!-- event-horizon plan42 -->\nSee [0-9a-f]{10} and the description above\.$/,
    );
    const [answer] = pullRequest.comments;
    assert.match(
      answer?.body ?? '',
      /^<!-- event-horizon plan42 --><!-- answers IC_9 -->\n\n> Is it tested\?\n\nNot yet\.$/,
    );

    // The next turn gets all of them again, with our replies.
    const own = (body = '') => comment({ User: 'octo', Body: body });
    const withReply = (index: number, thread: typeof first) =>
      Object.assign(items[index] ?? {}, {
        Comments: [...(items[index]?.Comments ?? []), own(thread.comments[1]?.body)],
      });
    const ownComment = { ID: answer?.id, IsResolved: false, Comments: [own(answer?.body)] };
    const later = [withReply(0, first), withReply(1, second), items[3], ownComment];
    await setting.turn(
      (task) => {
        ({ prompt } = task);
        return Promise.resolve({});
      },
      { request: { ...turn2, FeedBack: { 'acme/app': later } } },
    );
    assert.doesNotMatch(prompt, /Review comments/);
    assert.deepEqual([first.comments.length, second.comments.length, pullRequest.comments.length], [2, 2, 1]);
  });

  test('that cannot be answered do not fail the turn', async (t) => {
    const setting = await setUpAgent(t);
    await setting.turn(change('hello\n'));
    const items = [{ ID: 'nonsense', IsResolved: false, Comments: [comment({ Path: 'a', Body: 'x' })] }];
    const { turn: result } = await setting.turn(change('hi\n'), {
      request: { ...turn2, FeedBack: { 'acme/app': items } },
    });
    assert.equal(result.Status, 'Completed');
    assert.match(result.OutputMessage ?? '', /could not be answered: Could not resolve to a node/);
  });
});
