import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { ids, makeRequest, setUpAgent } from '../../test/support/agent-setting.ts';
import { startTurnServer, type TurnServer } from '../../test/support/turn-server.ts';

const script = join(import.meta.dirname, 'agent-wrapper.sh');
const branch = `plan42/${ids.TaskId.slice(0, 8)}`;
const fix = 'cat; echo "$STAGE"; sed s/helo/hello/ greeting.txt > new; mv new greeting.txt';

function start(server: TurnServer, fields: object, command: string) {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', PLAN42_URL: server.url, AGENT_COMMAND: command };
  const agent = spawn(script, ['--log-agent-output'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  agent.stdin.end(JSON.stringify(makeRequest({ Environment: variables, ...fields })));
  return agent;
}
const variables = { Repos: ['acme/app'], EnvVars: [{ Name: 'STAGE', Value: 'a test', IsSecret: false }] };

suite('the agent in bash', { timeout: 600_000 }, () => {
  test('pushes what its command changed, despite lost responses and conflicts', async (t) => {
    const { git } = await setUpAgent(t);
    await using server = await startTurnServer();
    server.afterWrite = () => (server.writes % 3 === 2 ? 'cut' : undefined);
    server.beforeWrite = () => {
      if (server.writes === 1) server.turn.Version += 3;
      return undefined;
    };
    const agent = start(server, { GithubURL: git.url }, `${fix}; for n in $(seq 1000); do echo "line $n"; done`);
    const [output, [code]] = await Promise.all([text(agent.stdout), once(agent, 'exit')]);
    assert.deepEqual([server.turn.Status, server.turn.ErrorMessage, code], ['Completed', undefined, 0], output);
    assert.equal(await git.git('acme/app', 'show', `${branch}:greeting.txt`), 'hello');
    assert.equal(`${server.log.join('\n')}\n`, output);
    assert.ok(server.log.includes('Fix it') && server.log.includes('a test'));
    assert.deepEqual(server.log.filter((line) => line.startsWith('line ')).length, 1000);
    assert.match(server.turn.OutputMessage ?? '', /line 1000/);
    assert.deepEqual([...git.passwords].length, 1);
  });

  test('fails its turn if its command fails', async (t) => {
    const { git } = await setUpAgent(t);
    await using server = await startTurnServer();
    const agent = start(server, { GithubURL: git.url }, 'echo "no key"; exit 3');
    await once(agent.stdout.resume(), 'end');
    assert.deepEqual([server.turn.Status, server.turn.ErrorMessage], ['Failed', 'the agent failed with 3: no key']);
  });

  test('fails its turn on SIGTERM, and exits if the turn was cancelled', async (t) => {
    const { git } = await setUpAgent(t);
    for (const cancel of [false, true]) {
      await using server = await startTurnServer();
      const agent = start(server, { GithubURL: git.url }, 'echo started; exec sleep 600');
      server.afterWrite = () => {
        if (!server.log.includes('started')) return undefined;
        server.afterWrite = () => undefined;
        if (cancel) server.cancel();
        else agent.kill('SIGTERM');
        return undefined;
      };
      const [code] = await once(agent, 'exit');
      assert.deepEqual(
        [server.turn.Status, server.turn.ErrorMessage, code],
        ['Failed', cancel ? 'cancelled by user' : 'stopped', cancel ? 0 : 143],
      );
    }
  });
});
