import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { callServer } from '../../../../test/support/control-plane.ts';
import { startFakeAgents } from '../../../../test/support/fake-agents.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startTestServer, type TestServer } from '../../../../test/support/start-test-server.ts';

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
        '  Messages:\n    You: Use é\\x07.\n    You: two\n      lines\n    Agent: As you wish.\n    reviewer: No faults.\n' +
          '  Sub-agents:\n    reviewer (CodeReview): Running\n',
      ),
      shown.stdout,
    );
    const { Turns } = JSON.parse((await test.plan42(['task', 'show', task, '--json'])).stdout);
    assert.deepEqual([Turns[0].Events.length, Turns[0].SubAgents[0].Name], [4, 'reviewer']);
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
    const cases = [
      [['task', 'message', task, ' '], 2, /^ERROR: the message is empty\. Give the message as an argument/],
      [['task', 'message', task, 'x', '--file', 'y'], 2, /^ERROR: a message and --file cannot be used together/],
      [['task', 'message', task, '--file', '/nonexistent'], 1, /^ERROR: cannot read the message from \/nonexistent/],
      [['task', 'message', task, 'x'.repeat(70_000)], 1, /larger than 64 KiB/],
      [['task', 'message', '00000000', 'x'], 1, /^ERROR: task 00000000 not found/],
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
