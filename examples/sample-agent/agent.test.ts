import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { startTurnServer, type TurnServer } from '../../test/support/turn-server.ts';

const ids = { TenantId: '11111111-1111-4111-8111-111111111111', TaskId: '22222222-2222-4222-8222-222222222222' };

function request(prompt: string, issuer: string, Environment: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return JSON.stringify({
    Type: 'InvokeAgentRequest',
    Task: { ...ids, Title: 'A title', RepoInfo: { 'me/site': {} } },
    Turn: { ...ids, TurnIndex: 1, Prompt: prompt, Version: 1 },
    Environment,
    AgentToken: `p42a_${part({ alg: 'ES256' })}.${part({ iss: issuer })}.c2ln`,
  });
}

function startAgent(input: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const agent = spawn(process.execPath, [`${import.meta.dirname}/agent.ts`, '--log-agent-output'], { env });
  agent.stdin.end(input);
  return agent;
}

async function finish(agent: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { stdout, stderr } = agent;
  assert.ok(stdout && stderr);
  const [out, err, [code]] = await Promise.all([text(stdout), text(stderr), once(agent, 'close')]);
  return { code: code as number | null, stdout: out, stderr: err };
}

async function runAgent(server: TurnServer, prompt: string) {
  return finish(startAgent(request(prompt, server.url)));
}

describe('the sample agent', { timeout: 60_000 }, () => {
  it('finishes its turn, with statuses, a log and an output', async () => {
    await using server = await startTurnServer();
    const { code, stdout, stderr } = await runAgent(server, 'Count these\nfour words');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.equal(server.turn.Status, 'Completed');
    assert.equal(server.turn.OutputMessage, 'Your prompt has 4 words in 2 lines. It is about me/site.');
    assert.ok(server.turn.CompletedAt);
    assert.deepEqual(server.statuses, ['Planning', 'Counting Words', 'Completed']);
    assert.match(server.log.join('\n'), /^Sample agent: turn 1 .*\nPlan:\n {2}1\. read the prompt\n[\s\S]*\nDone\.$/);
    assert.equal(stdout, `${server.log.join('\n')}\n`);
  });

  it('follows the directives', async () => {
    await using server = await startTurnServer();
    const { code, stdout } = await runAgent(server, 'Hello [spam 100000] [sleep 0.1] [fail] [exit 9] [nonsense]');
    assert.equal(code, 0);
    assert.equal(stdout.match(/^spam.*\n/gm)?.join('').length, 100_000);
    assert.deepEqual([server.turn.Status, server.turn.ErrorMessage], ['Failed', 'the prompt contains [fail]']);
    assert.deepEqual(server.statuses.slice(2), [
      'Following [spam 100000]',
      'Following [sleep 0.1]',
      'Following [fail]',
      'Failed',
    ]);
  });

  it('exits without finishing its turn on [exit N]', async () => {
    await using server = await startTurnServer();
    const { code } = await runAgent(server, '[exit 42]');
    assert.equal(code, 42);
    assert.equal(server.turn.Status, 'Following [exit 42]');
    assert.match(server.log.at(-1) ?? '', /^Exiting with 42/);
  });

  it('lists the variables of its environment without their values', async () => {
    await using server = await startTurnServer();
    const EnvVars = [
      { Name: 'STAGE', Value: 'test', IsSecret: false },
      { Name: 'API_KEY', Value: 'hidden', IsSecret: true },
    ];
    const { code, stdout } = await finish(startAgent(request('Hello', server.url, { EnvVars })));
    assert.equal(code, 0);
    assert.match(stdout, /^Variables: STAGE, API_KEY$/m);
    assert.ok(!stdout.includes('hidden'));
  });

  it('adopts a version that another client wrote', async () => {
    await using server = await startTurnServer();
    server.beforeWrite = () => {
      if (server.writes % 2 === 0) server.turn.Version += 3;
      return undefined;
    };
    const { code } = await runAgent(server, 'Hello');
    assert.equal(code, 0);
    assert.equal(server.turn.Status, 'Completed');
  });

  it('neither loses nor repeats log lines if responses are lost or the server fails', async () => {
    await using server = await startTurnServer();
    server.afterWrite = () => (server.writes % 3 === 1 ? 'cut' : undefined);
    server.beforeWrite = () => (server.writes % 5 === 3 ? 'fail' : undefined);
    const { code, stdout } = await runAgent(server, 'Hello [sleep 1]');
    assert.equal(code, 0);
    assert.equal(server.turn.Status, 'Completed');
    assert.equal(`${server.log.join('\n')}\n`, stdout);
  });

  it('stops if the turn is cancelled', async () => {
    await using server = await startTurnServer();
    server.afterWrite = () => {
      if (server.turn.Status === 'Following [sleep 600]') server.cancel();
      return undefined;
    };
    const { code, stdout } = await runAgent(server, '[sleep 600]');
    assert.equal(code, 0);
    assert.match(stdout, /The turn has already finished\. Stopping\.\n$/);
    assert.equal(server.turn.ErrorMessage, 'cancelled by user');
  });

  it('fails its turn and exits with 143 on SIGTERM', async () => {
    await using server = await startTurnServer();
    const agent = startAgent(request('[sleep 600]', server.url));
    server.afterWrite = () => {
      if (server.turn.Status === 'Following [sleep 600]') agent.kill('SIGTERM');
      return undefined;
    };
    const { code } = await finish(agent);
    assert.equal(code, 143);
    assert.deepEqual([server.turn.Status, server.turn.ErrorMessage], ['Failed', 'stopped']);
  });

  it('uses PLAN42_URL instead of the issuer', async () => {
    await using server = await startTurnServer();
    const { code } = await finish(
      startAgent(request('Hello', 'https://plan42.invalid'), { PLAN42_URL: `${server.url}/` }),
    );
    assert.equal(code, 0);
    assert.equal(server.turn.Status, 'Completed');
  });

  it('reports invalid input', async () => {
    for (const [input, message] of [
      ['', 'standard input is not a JSON object'],
      ['{"Task": {}}', 'the request has no Turn'],
      [request('Hello', 'nonsense'), "the agent token has no valid issuer. Set PLAN42_URL to the server's URL"],
    ] as const) {
      assert.deepEqual(await finish(startAgent(input)), { code: 1, stdout: '', stderr: `ERROR: ${message}\n` });
    }
  });
});
