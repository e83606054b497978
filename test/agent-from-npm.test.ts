/**
 * Real command-line agents work on turns: offline, against a model server that follows a script, a real git server and a
 * GitHub. They reach the model server through a proxy only. PLAN42_TEST_AGENTS has the names of those to test, or `all`; they are 100 to 460 MB each.
 */
import assert from 'node:assert/strict';
import { request as sendRequest } from 'node:http';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { findAdapter } from '../src/agent/adapters/find-adapter.ts';
import type { AgentTask, FollowUps } from '../src/agent/drivers/driver.ts';
import { runAgent } from '../src/agent/drivers/run-agent.ts';
import { type AgentSetting, branch, setUpAgent } from './support/agent-setting.ts';
import { startBrokeredGateway, startSecureHost } from './support/broker.ts';
import { eventually } from './support/eventually.ts';
import { type FakeModel, startFakeModel } from './support/fake-model/fake-model.ts';
import { makeReviewComment, makeThread } from './support/github/state.ts';
import { installAgent } from './support/npm-agent.ts';
import { startProxy } from './support/proxy.ts';
import { isThorough, type RealAgent, wantedAgents } from './support/real-agents.ts';
import { requiresCommands } from './support/requires-command.ts';

const comment = {
  ...{ User: 'ann', DiffHunk: '@@ -1 +1 @@\n-helo\n+hello', Path: 'greeting.txt', StartLine: 1, OrigStartLine: 1 },
  ...{ Body: 'Greet the whole world.', IsMinimized: false },
};

// An agent that waits for a person, or retries without end, fails the test.
suite('an agent from npm', { timeout: 300_000, concurrency: 2 }, () => {
  for (const [name, agent] of wantedAgents) {
    test(`${name}: turns a prompt into a pull request, and review comments into the next commit`, async (t) => {
      if (!(await requiresCommands(t, 'npm', 'git'))) return;
      const setting = await setUpAgent(t);
      const model = await startModel(t);
      const turn = await turnsOf(agent, setting, model);
      await setting.git.commit('acme/app', allowTheWeb);

      model.script = { commands: ['sed -i s/helo/hello/ greeting.txt'], text: 'Fixed the **greeting**.' };
      const first = await turn({ Task: { Model: agent.model, ReasoningLevel: 'High' } });
      assert.deepEqual([first.turn.ErrorMessage, first.turn.Status], [undefined, 'Completed'], first.log.join('\n'));
      assert.equal(first.turn.OutputMessage, 'Fixed the **greeting**.');
      assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
      const log = first.log.join('\n');
      assert.match(log, /^\$ .*sed -i s\/helo\/hello\/ greeting\.txt/m);
      assert.match(log, /^Used \d+ input tokens/m);
      const [pullRequest, ...others] = setting.github.state.repos.get('acme/app')?.pullRequests.values() ?? [];
      assert.deepEqual(others, []);
      assert.match(pullRequest?.body ?? '', /Fixed the \*\*greeting\*\*\./);
      assert.match(model.asked[0]?.body ?? '', /Fix it/);
      assert.match(model.asked[0]?.model ?? '', agent.asked ?? new RegExp(`^${agent.model}$`));
      if (agent.hasLevels) assert.match(model.asked[0]?.body ?? '', /"effort":"high"/);
      assert.match(model.asked[0]?.body ?? '', webTools);

      const thread = makeThread([makeReviewComment()]);
      pullRequest?.reviewThreads.push(thread);
      model.asked = [];
      model.script = {
        commands: ['echo hello, world >greeting.txt'],
        text: 'Greets the world.\n\n### Reply 1\n\nIt greets all of it now.',
      };
      const feedback = { 'acme/app': [{ ID: thread.id, IsResolved: false, Comments: [comment] }] };
      const second = await turn(
        {
          Turn: {
            TurnIndex: 2,
            Prompt: 'Address the comments',
            PreviousResponseID: first.turn.PreviousResponseID,
          },
          Task: { Model: agent.model, RepoInfo: first.task.RepoInfo },
          FeedBack: feedback,
        },
        ['--no-websearch'],
      );
      assert.deepEqual([second.turn.ErrorMessage, second.turn.Status], [undefined, 'Completed'], second.log.join('\n'));
      assert.equal(second.turn.OutputMessage, 'Greets the world.');
      assert.match(model.asked[0]?.body ?? '', /Greet the whole world\./);
      for (const { body } of model.asked) assert.doesNotMatch(body.replaceAll(withdrawn, ''), webTools);
      assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello, world');
      assert.equal(await setting.git.git('acme/app', 'rev-list', '--count', `main..${branch}`), '2');
      assert.equal(setting.github.state.repos.get('acme/app')?.pullRequests.size, 1);
      assert.match(thread.comments[1]?.body ?? '', /It greets all of it now\.$/);
    });

    test(`${name}: takes a message into account that arrives while it works`, async (t) => {
      if (!(await requiresCommands(t, 'npm', 'git'))) return;
      const setting = await setUpAgent(t);
      const model = await startModel(t);
      model.script = { commands: ['sed -i s/helo/hello/ greeting.txt'], text: 'Fixed the greeting.' };
      const answers: string[] = [];
      const calls = [[], ['Greet the world, too.'], []];
      const followUps: FollowUps = {
        take: () => {
          const messages = calls.shift() ?? [];
          // The agent has done the first part.
          if (messages.length > 0)
            model.script = { commands: ['echo world >>greeting.txt'], text: 'Greets the world.' };
          return messages;
        },
        answer: (text) => answers.push(text),
      };
      const turn = await turnsOf(agent, setting, model, { followUps });
      const { turn: result, log } = await turn({ Task: { Model: agent.model } });
      assert.deepEqual([result.ErrorMessage, result.Status], [undefined, 'Completed'], log.join('\n'));
      assert.equal(result.OutputMessage, 'Fixed the greeting.\n\nGreets the world.');
      assert.deepEqual([answers[0], answers.at(-1)], ['Fixed the greeting.', 'Greets the world.']);
      assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello\nworld');
      const last = model.asked.at(-1)?.body ?? '';
      assert.match(last, /Greet the world, too\./);
      assert.match(last, /Fix it/, 'it has the conversation, or the request again');
    });

    test(`${name}: works behind a gateway with a placeholder of its key`, async (t) => {
      if (!(await requiresCommands(t, 'npm', 'git'))) return;
      const setting = await setUpAgent(t);
      const model = await startModel(t);
      model.script = { commands: ['sed -i s/helo/hello/ greeting.txt'], text: 'Fixed the greeting.' };
      const PATH = `${await installAgent(agent.package)}:${process.env['PATH']}`;
      const [key = '', secret = ''] = Object.entries(agent.env(''))[0] ?? [];
      const placeholder = `${secret.slice(0, 3)}placeholder-of-${key.toLowerCase()}`;
      await using brokered = await startBrokeredModel(model, { placeholder, secret });
      const found = await findAdapter({ PLAN42_AGENT: agent.adapter });
      const run = (task: AgentTask) =>
        runAgent(found, { ...task, env: { ...task.env, ...brokered.env }, exitTimeoutMs: 500, watch: { pollMs: 500 } });
      // Its own servers, under their own names.
      const { [urlVariable(agent)]: _, ...variables } = { ...agent.env(''), [key]: placeholder };
      const { turn, log } = await setting.turn(run, {
        request: { Task: { Model: agent.model } },
        env: { PATH, ...variables },
      });
      assert.deepEqual([turn.ErrorMessage, turn.Status], [undefined, 'Completed'], log.join('\n'));
      assert.equal(await setting.git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
      const sent = JSON.stringify(model.asked.map(({ headers }) => headers));
      assert.ok(model.asked.length > 0 && sent.includes(secret) && !sent.includes(placeholder), sent);
      assert.ok(!log.join('\n').includes(secret));
    });

    test(`${name}: a refused key is named, not printed`, async (t) => {
      if (!(await requiresCommands(t, 'npm', 'git'))) return;
      const setting = await setUpAgent(t);
      const model = await startModel(t);
      model.failure = { status: 401, body: refusal };
      const turn = await turnsOf(agent, setting, model);
      const { turn: result, log } = await turn({ Task: { Model: agent.model } });
      const [key = '', value = ''] = Object.entries(agent.env(''))[0] ?? [];
      assert.equal(result.Status, 'Failed');
      assert.match(result.ErrorMessage ?? '', new RegExp(`provider refused the key in ${key}: .*Replace the key\\.$`));
      assert.doesNotMatch(log.join('\n') + result.ErrorMessage, new RegExp(value));
    });
  }
});

// By default they take too long.
suite('an agent from npm whose network breaks', { timeout: 300_000, concurrency: 2, skip: !isThorough }, () => {
  for (const [name, agent] of wantedAgents) {
    // It ends such a turn itself, and its providers are not known.
    if (agent.adapter === 'opencode') continue;

    test(`${name}: names the model provider, and does not wait without end`, async (t) => {
      if (!(await requiresCommands(t, 'npm', 'git'))) return;
      const setting = await setUpAgent(t);
      const model = await startModel(t);
      model.script = { commands: ['echo hello >greeting.txt'], text: 'Fixed.' };
      const turn = await turnsOf(agent, setting, model, { isCut: true });
      const { turn: result } = await turn({ Task: { Model: agent.model } });
      assert.match(result.ErrorMessage ?? '', /cannot reach model\.invalid: .*Allow the host/);
      assert.equal(result.Status, 'Failed');
    });
  }
});

/** The names of all tools that search or fetch the web. */
const webTools = /web_?(?:search|fetch)/i;

// In a resumed conversation, Claude Code lists the tools of the first turn, and then those that are gone.
const withdrawn = /are now available via ToolSearch[\s\S]*no longer available in this session[^<]*/g;

/** A repository that allows them, for each agent. */
const allowTheWeb = {
  '.claude/settings.json': '{"permissions":{"allow":["WebSearch","WebFetch"]}}',
  '.gemini/settings.json': '{"tools":{"allowed":["google_web_search","web_fetch"]}}',
  '.codex/config.toml': 'web_search = "live"\n',
  'opencode.json': '{"agent":{"build":{"permission":{"websearch":"allow","webfetch":"allow"}}}}',
};

/** As Anthropic, OpenAI and Google respond to a wrong key, in one. */
const refusal = {
  type: 'error',
  error: { code: 401, type: 'authentication_error', status: 'UNAUTHENTICATED', message: 'API key not valid' },
};

async function startModel(t: TestContext): Promise<FakeModel> {
  const model = await startFakeModel({ commands: [], text: '' });
  t.after(() => model[Symbol.asyncDispose]());
  return model;
}

const urlVariable = ({ env }: RealAgent) => Object.keys(env('')).find((name) => name.endsWith('_BASE_URL')) ?? '';

const modelHosts = ['api.anthropic.com', 'api.openai.com', 'generativelanguage.googleapis.com'];

/** The model under the names of all providers with TLS, behind a gateway that puts the secret in. */
async function startBrokeredModel(model: FakeModel, { placeholder, secret }: Record<'placeholder' | 'secret', string>) {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(
    await startSecureHost(modelHosts, (request, response) => {
      const { method, headers, url = '' } = request;
      const onward = sendRequest(`http://127.0.0.1:${model.port}${url}`, { method, headers }, (answer) => {
        if (response.destroyed) return void answer.destroy();
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.once('error', () => response.destroy());
      request.pipe(onward);
    }),
  );
  const targets = modelHosts.map((name) => ({ host: name, port: 443, isPlain: false }));
  const brokered = stack.use(
    await startBrokeredGateway({
      host,
      intercepted: modelHosts,
      credentials: [{ name: 'key', placeholder, targets }],
      values: { key: secret },
    }),
  );
  const owned = stack.move();
  return { env: brokered.env, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The model server has a name that only the proxy knows. */
async function turnsOf(
  { adapter, package: name, env }: RealAgent,
  setting: AgentSetting,
  model: FakeModel,
  { isCut = false, followUps }: { isCut?: boolean; followUps?: FollowUps } = {},
) {
  const PATH = `${await installAgent(name)}:${process.env['PATH']}`;
  const found = await findAdapter({ PLAN42_AGENT: adapter });
  return async (request: Record<string, unknown>, args: string[] = []) => {
    await using proxy = await startProxy(model.port);
    const watch = { pollMs: 500, probeAfterMs: 2000 };
    const run = (task: AgentTask) =>
      runAgent(found, {
        ...{ ...task, env: { ...task.env, HTTP_PROXY: proxy.url }, exitTimeoutMs: 500, watch },
        ...(followUps && { followUps }),
      });
    if (isCut) void eventually(async () => model.asked.length > 0).then(() => proxy[Symbol.asyncDispose]());
    // The folder of the first turn, so that the agent finds its session.
    const workspace = join(setting.dir.path, 'workspace');
    return await setting.turn(run, { request, args, workspace, env: { PATH, ...env('http://model.invalid') } });
  };
}
