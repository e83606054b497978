/** Everything that the reference agent does passes the rules that the runner computes for its task. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as v from 'valibot';
import { branch, setUpAgent } from '../../../test/support/agent-setting.ts';
import type { GitServer } from '../../../test/support/git-server.ts';
import { makeRepo, makeReviewComment, makeThread } from '../../../test/support/github/state.ts';
import { startGuardedServer } from '../../../test/support/guarded-server.ts';
import type { AgentTask } from '../../agent/drivers/driver.ts';
import { githubGuard } from '../../jobs/egress/github-guard.ts';
import { conflictBranch } from '../../plan42/hosted-repositories.ts';
import { InvokeAgentRequest } from '../../plan42/messages.ts';
import type { Guard, Refused } from '../intercept/hooks.ts';
import { createGithubGuard } from './guard.ts';

const host = 'git.corp.example';

/** As the gateway of each turn's job. */
async function startFront(git: GitServer, refusals: Refused[]) {
  let current: Guard | undefined;
  const guard: Guard = {
    review: (request, ask) => current?.review(request, ask) ?? Promise.reject(new Error('no turn is running')),
  };
  const server = await startGuardedServer(git.url, guard, host);
  server.refusals = refusals;
  const accept = (request: Record<string, unknown>) => {
    const invocation = v.parse(InvokeAgentRequest, request);
    const made = githubGuard({ url: new URL(`https://${host}`), table: undefined, invocation });
    current = made && createGithubGuard(made.rules);
  };
  return Object.assign(server, { accept });
}

const write = (text: string) => (task: AgentTask) => writeFile(join(task.folder, 'greeting.txt'), text);

test('a pull request is opened and updated, comments are answered, a conflict is saved', async (t) => {
  const refusals: Refused[] = [];
  const setting = await setUpAgent(t, { front: (git) => startFront(git, refusals) });
  const { git, github } = setting;
  github.state.repos.set('acme/lib', makeRepo());
  await git.create('acme/lib');
  await git.commit('acme/lib', { 'greeting.txt': 'helo\n' });
  const Environment = { Repos: ['acme/app', 'acme/lib'] };
  const first = await setting.turn(({ folder }) => writeFile(join(folder, 'app/greeting.txt'), 'hello\n'), {
    request: { Environment },
  });
  assert.deepEqual([first.turn.Status, first.turn.ErrorMessage], ['Completed', undefined]);
  const pull = github.state.repos.get('acme/app')?.pullRequests.get(1) ?? assert.fail('no pull request');
  assert.equal(pull.head, branch);

  const thread = makeThread([makeReviewComment()]);
  pull.reviewThreads.push(thread);
  const comment = { User: 'ann', Body: 'Greet the world.', DiffHunk: '@@', Path: 'greeting.txt', StartLine: 1 };
  const FeedBack = {
    'acme/app': [
      { ID: thread.id, IsResolved: false, Comments: [comment] },
      { ID: 'IC_9', IsResolved: false, Comments: [{ User: 'ann', Body: 'Is it tested?' }] },
    ],
  };
  const second = await setting.turn(
    async (task) => {
      await write('hello, world\n')({ ...task, folder: join(task.folder, 'app') });
      return { message: 'It greets the world.' };
    },
    { request: { Environment, FeedBack, Turn: { TurnIndex: 2 }, Task: { RepoInfo: first.task.RepoInfo } } },
  );
  assert.deepEqual([second.turn.Status, second.turn.ErrorMessage], ['Completed', undefined]);
  assert.equal(thread.comments.length, 2);
  assert.equal(pull.comments.length, 1);

  const third = await setting.turn(
    async ({ folder }) => {
      await writeFile(join(folder, 'app/greeting.txt'), 'ours\n');
      await git.commit('acme/app', { 'greeting.txt': 'theirs\n' }, { branch });
    },
    { request: { Environment, Turn: { TurnIndex: 3 }, Task: { RepoInfo: first.task.RepoInfo } } },
  );
  const other = conflictBranch(branch, 3);
  const saved = `The work of this turn is on the branch ${other}.`;
  assert.ok(String(third.turn.ErrorMessage).includes(saved), String(third.turn.ErrorMessage));
  assert.equal(await git.git('acme/app', 'show', `${other}:greeting.txt`), 'ours');
  assert.deepEqual(refusals, []);

  const RepoInfo = { 'acme/app': { FeatureBranch: 'main', TargetBranch: 'main' } };
  const fourth = await setting.turn(write('no\n'), { request: { Turn: { TurnIndex: 4 }, Task: { RepoInfo } } });
  assert.equal(
    fourth.turn.ErrorMessage?.slice(0, 300).replace(/ What was done.*/, ''),
    'cannot push to acme/app: the runner does not allow it: a push to acme/app: "refs/heads/main" (not the branch of the ' +
      `task). To allow other pushes, set push = "any" in a [github.NAME] table with url = "https://${host}" of the runner.`,
  );
});
