/**
 * Aider works on turns: offline, against a model server that follows a script, and a real git server. It is installed from
 * PyPI (700 MB), so only if PLAN42_TEST_AGENTS has its name, or is `all`.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { findAdapter } from '../src/agent/adapters/find-adapter.ts';
import type { AgentTask } from '../src/agent/drivers/driver.ts';
import { runAgent } from '../src/agent/drivers/run-agent.ts';
import { branch, setUpAgent } from './support/agent-setting.ts';
import { startFakeModel } from './support/fake-model/fake-model.ts';
import { makeReviewComment, makeThread } from './support/github/state.ts';
import { installPythonAgent } from './support/pip-agent.ts';
import { wantsAider } from './support/real-agents.ts';
import { requiresCommands } from './support/requires-command.ts';

const key = 'sk-openai-key';

/** An edit, as models write it for Aider. */
const edit = (from: string, to: string) =>
  `greeting.txt\n\`\`\`\n<<<<<<< SEARCH\n${from}\n=======\n${to}\n>>>>>>> REPLACE\n\`\`\`\n`;

suite('aider', { timeout: 600_000, skip: !wantsAider && 'PLAN42_TEST_AGENTS does not have it' }, () => {
  test('turns a prompt into a pull request, and review comments into the next commit', async (t) => {
    if (!(await requiresCommands(t, 'python3', 'git'))) return;
    const setting = await setUpAgent(t);
    await using model = await startFakeModel({ commands: [], text: `I fix it.\n\n${edit('helo', 'hello')}` });
    const turn = await turns(model.port);
    const first = await turn({ Task: { Model: 'openai/gpt-4o', ReasoningLevel: 'High' } });
    assert.deepEqual([first.turn.ErrorMessage, first.turn.Status], [undefined, 'Completed'], first.log.join('\n'));
    assert.equal(first.turn.OutputMessage, 'I fix it.');
    assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
    assert.equal(await setting.git.git('acme/app', 'diff', '--name-only', `main..${branch}`), 'greeting.txt');
    assert.match(first.log.join('\n'), /^Used \d+ input tokens/m);
    assert.match(await setting.git.git('acme/app', 'log', '-1', '--format=%B', branch), /^Fix the greeting\n/);

    const pullRequests = setting.github.state.repos.get('acme/app')?.pullRequests;
    const [pullRequest] = pullRequests?.values() ?? [];
    const thread = makeThread([makeReviewComment()]);
    pullRequest?.reviewThreads.push(thread);
    model.script = {
      commands: [],
      text: `${edit('hello', 'hello, world')}\nGreets the world.\n\n### Reply 1\n\nIt greets all of it now.`,
    };
    const comment = { User: 'ann', Body: 'Greet the whole world.', Path: 'greeting.txt', StartLine: 1 };
    const second = await turn(
      {
        Turn: { TurnIndex: 2, Prompt: 'Address the comments' },
        Task: { Model: 'openai/gpt-4o', RepoInfo: first.task.RepoInfo },
        FeedBack: { 'acme/app': [{ ID: thread.id, IsResolved: false, Comments: [comment] }] },
      },
      ['--no-websearch'],
    );
    assert.deepEqual([second.turn.ErrorMessage, second.turn.Status], [undefined, 'Completed'], second.log.join('\n'));
    assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello, world');
    assert.equal(await setting.git.git('acme/app', 'rev-list', '--count', `main..${branch}`), '2');
    assert.equal(pullRequests?.size, 1);
    assert.match(thread.comments[1]?.body ?? '', /\nIt greets all of it now\.$/);

    model.failure = {
      status: 401,
      body: { error: { code: 'invalid_api_key', message: 'Incorrect API key provided' } },
    };
    const refused = await turn({ Turn: { TurnIndex: 3 }, Task: { Model: 'openai/gpt-4o' } });
    assert.equal(refused.turn.Status, 'Failed');
    assert.match(refused.turn.ErrorMessage ?? '', /refused the key/);
    assert.doesNotMatch(refused.log.join('\n') + refused.turn.ErrorMessage, new RegExp(key));

    async function turns(port: number) {
      const PATH = `${await installPythonAgent('aider-chat==0.86.2')}:${process.env['PATH']}`;
      const found = await findAdapter({ PLAN42_AGENT: 'aider' });
      const env = { PATH, OPENAI_API_KEY: key, OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` };
      return async (request: Record<string, unknown>, args: string[] = []) =>
        await setting.turn((task: AgentTask) => runAgent(found, task), {
          ...{ request, args, env },
          workspace: join(setting.dir.path, 'workspace'),
        });
    }
  });
});
