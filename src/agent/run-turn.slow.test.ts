import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { branch, ids, setUpAgent } from '../../test/support/agent-setting.ts';
import { startTurnServer } from '../../test/support/turn-server.ts';
import type { AgentTask } from './drivers/driver.ts';

const fix = async ({ folder }: { folder: string }) => writeFile(join(folder, 'greeting.txt'), 'hello\n');

suite('a turn', { timeout: 600_000 }, () => {
  test('ends before its temporary folder is removed', async (t) => {
    const { turn } = await setUpAgent(t);
    await using server = await startTurnServer();
    let folder = '';
    let atEnd: boolean | undefined;
    server.afterWrite = () => {
      if (server.turn.Status === 'Completed') atEnd ??= existsSync(folder);
      return undefined;
    };
    const work = async (task: AgentTask) => {
      folder = dirname(task.folder);
      await fix(task);
    };
    await turn(work, { server, env: { PLAN42_WORKSPACE: '' } });
    assert.deepEqual([server.turn.Status, atEnd], ['Completed', true]);
    assert.ok(existsSync(folder) === folder.startsWith('/workspace'), 'a temporary one is removed');
  });

  test('turns a prompt into a branch and a pull request', async (t) => {
    const { git, github, turn } = await setUpAgent(t);
    const start = await git.git('acme/app', 'rev-parse', 'main');
    const {
      turn: result,
      task,
      log,
      exitCode,
    } = await turn(async (task) => {
      await fix(task);
      return { message: 'I fixed the **greeting**.', session: 's1' };
    });
    assert.deepEqual([result.ErrorMessage, result.Status, exitCode], [undefined, 'Completed', 0], log.join('\n'));
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
    const commit = await git.git('acme/app', 'rev-parse', branch);
    assert.deepEqual(result.CommitInfo, { 'acme/app': { BaselineCommitHash: start, LastCommitHash: commit } });
    assert.equal(result.OutputMessage, 'I fixed the **greeting**.');
    assert.equal(result.PreviousResponseID, 's1');
    assert.match(
      await git.git('acme/app', 'log', '-1', '--format=%an <%ae>%n%B', branch),
      /^octo <1\+octo@users\.noreply\.\S+>\nFix the greeting\n\nI fixed the \*\*greeting\*\*\.\n\nPlan42-Task: \S+ turn 1\nCo-authored-by: scripted <scripted@plan42\.invalid>$/,
    );
    const [pullRequest, ...others] = github.state.repos.get('acme/app')?.pullRequests.values() ?? [];
    assert.deepEqual(others, []);
    assert.deepEqual([pullRequest?.title, pullRequest?.head, pullRequest?.base], ['Fix the greeting', branch, 'main']);
    assert.match(pullRequest?.body ?? '', /I fixed the \*\*greeting\*\*\./);
    assert.match(pullRequest?.body ?? '', /\n\nPlan42 task 22222222-/);
    assert.deepEqual(task.RepoInfo['acme/app'], {
      FeatureBranch: branch,
      TargetBranch: 'main',
      PRLink: 'https://github.example.com/acme/app/pull/1',
      PRID: '1001',
      PRNumber: 1,
      PRStatus: 'open',
    });
  });

  test('links a pull request to the page of its task', async (t) => {
    const { github, turn } = await setUpAgent(t);
    const claims = Buffer.from(JSON.stringify({ iss: 'https://plan42.example.com/sub/' })).toString('base64url');
    await turn(fix, { request: { AgentToken: `p42a_e30.${claims}.c2ln` } });
    const [pullRequest] = github.state.repos.get('acme/app')?.pullRequests.values() ?? [];
    const link = `[Plan42 task ${ids.TaskId}](https://plan42.example.com/sub/#/tasks/${ids.TaskId})`;
    const { body = '' } = pullRequest ?? {};
    assert.ok(body.includes(link), body);
  });

  test('continues on the branch of the last turn', async (t) => {
    const { git, github, turn } = await setUpAgent(t);
    await turn(fix);
    const first = await git.git('acme/app', 'rev-parse', branch);
    let seen = '';
    const { turn: result } = await turn(
      async ({ folder, prompt }) => {
        seen = prompt + (await readFile(join(folder, 'greeting.txt'), 'utf8'));
        await writeFile(join(folder, 'greeting.txt'), 'hello, world\n');
      },
      { request: { Turn: { TurnIndex: 2, Prompt: 'Greet the world' } } },
    );
    assert.match(seen, /^Greet the world\n[\s\S]*work of earlier turns[\s\S]*hello\n$/);
    assert.equal(result.Status, 'Completed');
    assert.equal(result.CommitInfo?.['acme/app']?.BaselineCommitHash, first);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello, world');
    assert.equal(await git.git('acme/app', 'rev-parse', `${branch}~1`), first);
    assert.equal(github.state.repos.get('acme/app')?.pullRequests.size, 1);
  });
});
