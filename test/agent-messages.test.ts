/** Messages to the reference agent while it works, with a real server and runner, by both ways to run an agent. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { untilOver } from './support/tasks.ts';
import { makeTempDir, type TempDir } from './support/temp-dir.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-agent.mjs');
const acpAgent = [process.execPath, join(import.meta.dirname, 'support/agents/acp-agent.ts')];
const main = '00000000-0000-0000-0000-000000000000';

suite('messages to the reference agent', { timeout: 300_000 }, () => {
  let dir: TempDir;
  let plane: TestControlPlane;
  let runner: RunnerProcess;

  before(async () => {
    dir = await makeTempDir();
    plane = await startControlPlane();
    const config = `[host]\nunisolated = true\ncommand = ["${process.execPath}", "${bundle}"]\n`;
    const token = await plane.newToken();
    runner = await RunnerProcess.start({ url: plane.server.url, token, runtime: 'host', config });
    await runner.logged(/queue registered/);
  });
  after(async () => {
    await runner[Symbol.asyncDispose]();
    await plane[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  async function startTask(command: readonly string[], Prompt: string, variables: Record<string, string> = {}) {
    const all = { PLAN42_AGENT_COMMAND: JSON.stringify(command), ...variables };
    const EnvVars = Object.entries(all).map(([Name, Value]) => ({ Name, Value, IsSecret: false }));
    const task = await plane.newTask({ EnvironmentId: await plane.newEnvironment({ EnvVars }), Prompt });
    const turn = `tasks/${task}/turns/1`;
    return {
      task,
      turn,
      send: async (Message: string) => {
        const sent = await plane.call('PUT', `${turn}/messages/${randomUUID()}`, { body: { Message } });
        assert.equal(sent.status, 200, JSON.stringify(sent.body));
      },
      /** Resolves when an entry of the turn's log has the text. */
      logged: (text: string) =>
        eventually(async () => {
          const { body } = await plane.call('GET', `${turn}/logs/last`);
          const aborter = AbortSignal.timeout(500);
          const log = body.Index === undefined ? '' : await readFor(`${plane.tenant}/${turn}/logs`, aborter);
          return log.includes(text);
        }),
      events: async () => (await plane.call('GET', `${turn}/messages`)).body as string,
    };
  }

  async function readFor(path: string, signal: AbortSignal): Promise<string> {
    const headers = { authorization: `APIToken ${plane.server.admin.tenantToken}` };
    let text = '';
    try {
      const response = await fetch(plane.server.url + path, { headers, signal });
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
    } catch {
      // The stream of a running turn does not end.
    }
    return text;
  }

  const messagesIn = (events: string) =>
    [...events.matchAll(/event: (\w+)\ndata: (.*)/g)].map(([, event, data]) => {
      const { Message, FromAgentID } = JSON.parse(data ?? '');
      return [event, Message, FromAgentID];
    });

  test('are further prompts in the same session of the protocol', async () => {
    const go = join(dir.path, 'go-acp');
    const task = await startTask(acpAgent, `say First.\nwait ${go}`);
    await eventually(async () => (await plane.call('GET', task.turn)).body.Status === 'Working: custom');
    await task.send('say Second.');
    await task.logged('Message from a person:\\n> say Second.');
    await writeFile(go, '');
    const { turn } = await untilOver(plane, task.task);
    assert.deepEqual([turn.Status, turn.OutputMessage], ['Completed', 'First.\n\nSecond.'], turn.ErrorMessage ?? '');
    assert.deepEqual(messagesIn(await task.events()), [
      ['UserMessage', 'say Second.', undefined],
      ['AgentMessage', 'Second.', main],
    ]);
  });

  test('run a command without sessions again, with the request and the messages', async () => {
    const go = join(dir.path, 'go-command');
    const script = `input=$(cat); while [ ! -e '${go}' ]; do sleep 0.05; done; echo "read: $input" | grep -e read: -e more`;
    const task = await startTask(['sh', '-c', script], 'Begin.', { PLAN42_AGENT_PROTOCOL: 'command' });
    await eventually(async () => (await plane.call('GET', task.turn)).body.Status === 'Working: custom');
    await task.send('Do more.');
    await task.logged('> Do more.');
    await writeFile(go, '');
    const { turn } = await untilOver(plane, task.task);
    const again = 'read: A person wrote to you while you worked. Take it into account now:\nDo more.\nread: Begin.';
    assert.deepEqual(
      [turn.Status, turn.OutputMessage],
      ['Completed', `read: Begin.\n\n${again}`],
      turn.ErrorMessage ?? '',
    );
    assert.deepEqual(messagesIn(await task.events())[1], ['AgentMessage', again, main]);
  });

  test('that the agent could not take into account are answered, also if it fails', async () => {
    const go = join(dir.path, 'go-failed');
    const task = await startTask(acpAgent, `wait ${go}\nexit 3`);
    await eventually(async () => (await plane.call('GET', task.turn)).body.Status === 'Working: custom');
    await task.send('say Never.');
    await task.logged('> say Never.');
    await writeFile(go, '');
    const { turn } = await untilOver(plane, task.task);
    assert.equal(turn.Status, 'Failed');
    const [, answer] = messagesIn(await task.events());
    assert.deepEqual(answer, [
      'AgentMessage',
      'This message came too late for this turn. Start the next turn with it.\n\n> say Never.',
      main,
    ]);
  });
});
