import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { callServer } from '../../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../../test/support/fake-agents.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { renderJson } from '../../output.ts';

async function newTask(test: TestServer): Promise<string> {
  const created = await test.plan42(['task', 'create', '--image', 'example.com/agent:1', '--prompt', 'Say hello.']);
  assert.equal(created.exitCode, 0, created.stderr);
  return created.stdout.trim();
}

/** Starts a machine, and returns the calls of the agent of a task. */
async function startAgent(test: TestServer) {
  const { tenantId, runnerId } = test.server.admin;
  const { Token } = await test.client.createRunnerToken(runnerId, randomUUID(), 1);
  const agents = await startFakeAgents({ url: test.server.url, token: Token });
  const put = async (task: string, path: string, body: object) => {
    const url = `/v1/tenants/${tenantId}/tasks/${task}/turns/1/${path}`;
    const { status } = await callServer(test.server.url, 'PUT', url, { token: await agents.tokenOf(task), body });
    assert.equal(status, 200);
  };
  return { put, [Symbol.asyncDispose]: () => agents[Symbol.asyncDispose]() };
}

describe('plan42 server task message', () => {
  it('sends a message, which show has with the answers and sub-agents', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    const sent = await test.plan42(['task', 'message', task.slice(0, 8), 'Use', 'é\x07.']);
    assert.deepEqual([sent.exitCode, sent.stdout], [0, ''], sent.stderr);
    assert.match(
      sent.stderr,
      /^Message sent to the agent of turn 1\. It gets the message when it starts\.\nFollow its/,
    );
    const piped = await test.plan42(['task', 'message', task, '--json'], { stdin: 'two\nlines\n' });
    assert.equal(parseAs('server-message.json', piped.stdout).Message, 'two\nlines\n');
    await using agent = await startAgent(test);
    const reviewer = randomUUID();
    await agent.put(task, `subagents/${reviewer}`, { AgentType: 'CodeReview', Name: 'reviewer' });
    await agent.put(task, `messages/${randomUUID()}`, { Message: 'As you wish.' });
    await agent.put(task, `messages/${randomUUID()}`, { From: reviewer, Message: 'No faults.' });
    const shown = await test.plan42(['task', 'show', task]);
    assert.ok(
      shown.stdout.includes(
        '  Messages:\n    You: Use é\\x07.\n    You: two\n      lines\n    Agent: As you wish.\n    Sub-agent reviewer: No faults.\n' +
          '  Sub-agents:\n    reviewer (CodeReview): Running\n',
      ),
      shown.stdout,
    );
    const { Turns } = JSON.parse((await test.plan42(['task', 'show', task, '--json'])).stdout);
    assert.deepEqual([Turns[0].Events.length, Turns[0].SubAgents[0].Name], [4, 'reviewer']);
  });

  it('shows names and texts of agents so that they cannot look like others', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    await using agent = await startAgent(test);
    const names = ['You', 'x\n    You: yes', 'x\r\n  Sub-agents:\r\n', 'x\u2028You: y\u202e', '\x1b[2KYou'];
    for (const Name of names) {
      const id = randomUUID();
      await agent.put(task, `subagents/${id}`, { AgentType: 'Custom', Name, Model: 'm\nYou: no' });
      await agent.put(task, `messages/${randomUUID()}`, { From: id, Message: 'a\nYou: b\r\nAgent: c\u0085d' });
    }
    const { stdout } = await test.plan42(['task', 'show', task]);
    const from = (title: string) =>
      stdout
        .slice(stdout.indexOf(`  ${title}:\n`))
        .split('\n')
        .slice(1);
    const messages = from('Messages').slice(0, 3 * names.length);
    assert.ok(
      messages.every((line, n) => (n % 3 === 0 ? /^ {4}Sub-agent .*: a$/ : /^ {6}\S/).test(line)),
      stdout,
    );
    const agents = from('Sub-agents').filter((line) => line !== '');
    assert.equal(agents.length, names.length, stdout);
    assert.ok(agents.every((line) => /^ {4}.* \(Custom, m You: no\): Running$/.test(line)));
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\u2028\u202e]/u);
  });

  it('shows the last of many messages, and all as JSON', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    for (let i = 1; i <= 60; i += 1)
      await test.client.sendMessage(await test.client.getTurn(task, 1), randomUUID(), `m${i}`);
    const { stdout } = await test.plan42(['task', 'show', task]);
    const shown = stdout.slice(stdout.indexOf('  Messages:\n')).trimEnd().split('\n').slice(1);
    assert.equal(shown[0], `    (Earlier messages: plan42 server task show --data ${test.dataDir} ${task} --json)`);
    assert.deepEqual([shown.length, shown[1], shown.at(-1)], [51, '    You: m11', '    You: m60']);
    const { Turns } = JSON.parse((await test.plan42(['task', 'show', task, '--json'])).stdout);
    assert.equal(Turns[0].Events.length, 60);
    const large = 'x'.repeat(60 * 1024);
    for (let i = 0; i < 3; i += 1)
      await test.client.sendMessage(await test.client.getTurn(task, 1), randomUUID(), large);
    assert.ok((await test.plan42(['task', 'show', task])).stdout.length < 100_000);
  });

  it('prints JSON that strict parsers read, also of half a surrogate pair', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    const turn = await test.client.getTurn(task, 1);
    await test.client.sendMessage(turn, randomUUID(), 'cut \ud83d');
    const { stdout } = await test.plan42(['task', 'show', task, '--json']);
    assert.equal(JSON.parse(stdout).Turns[0].Events[0].Data.Message, 'cut \ufffd');
    assert.doesNotMatch(stdout, /\\ud[89a-f]/);
    assert.equal(renderJson({ '\udead': ['\ud83d', '😀'] }), '{\n  "\ufffd": [\n    "\ufffd",\n    "😀"\n  ]\n}\n');
  });

  it('names the sub-agent whose message follow shows', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    await using agent = await startAgent(test);
    const id = randomUUID();
    await agent.put(task, `subagents/${id}`, { AgentType: 'Custom', Name: 'the\nagent' });
    await agent.put(task, `messages/${randomUUID()}`, { From: id, Message: 'One fault.' });
    await test.updateTurn(task, { Status: 'Completed' });
    const { stderr } = await test.plan42(['task', 'follow', task]);
    assert.match(stderr, /^\[turn 1\] message from sub-agent the agent: One fault\.$/m);
  });

  it('is followed by the answer', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    await using agent = await startAgent(test);
    let isAnswered = false;
    const followed = await test.plan42(['task', 'follow', task], {
      onOutput: ({ stderr }) => {
        if (stderr.includes('message from the agent')) {
          if (!isAnswered) void test.updateTurn(task, { Status: 'Completed' });
          isAnswered = true;
        } else if (stderr.includes('[turn 1]') && stderr.endsWith('\n') && !stderr.includes('message')) {
          void agent.put(task, `messages/${task}`, { Message: 'two\nlines' });
        }
      },
    });
    assert.equal(followed.exitCode, 0, followed.stderr);
    assert.match(followed.stderr, /^\[turn 1\] message from the agent: two lines$/m);
  });

  it('is refused for a finished turn, and without a text', async () => {
    await using test = await startTestServer();
    const task = await newTask(test);
    await using dir = await makeTempDir();
    const binary = join(dir.path, 'binary');
    await writeFile(binary, Buffer.from([0x61, 0xff, 0x62]));
    const cases = [
      [['task', 'message', task, ' '], 2, /^ERROR: the message is empty\. Give the message as an argument/],
      [['task', 'message', task, 'x', '--file', 'y'], 2, /^ERROR: a message and --file cannot be used together/],
      [['task', 'message', task, '--file', '/nonexistent'], 1, /^ERROR: cannot read the message from \/nonexistent/],
      [['task', 'message', task, 'x'.repeat(70_000)], 1, /larger than 64 KiB/],
      [['task', 'message', '00000000', 'x'], 1, /^ERROR: task 00000000 not found/],
      [['task', 'message', task, '--file', binary], 1, /^ERROR: cannot read the message from \S+: it is not UTF-8/],
    ] as const;
    for (const [argv, code, message] of cases) {
      const run = await test.plan42(argv);
      assert.match(run.stderr, message);
      assert.equal(run.exitCode, code, run.stderr);
    }
    await test.plan42(['task', 'cancel', task]);
    const late = await test.plan42(['task', 'message', task, 'x']);
    assert.equal(late.exitCode, 1);
    assert.match(late.stderr, /is finished, so its agent reads no messages\. Start the next turn: plan42 server turn/);
  });
});
