import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { startTurnServer } from '../../test/support/turn-server.ts';
import { runAgentProcess } from './agent.ts';

const ids = { TenantId: '11111111-1111-4111-8111-111111111111', TaskId: '22222222-2222-4222-8222-222222222222' };

test('a turn of an unknown agent fails with its reason', async () => {
  await using server = await startTurnServer();
  const input = { Turn: { ...ids, TurnIndex: 1, Prompt: 'Hello', Version: 1 }, AgentToken: 'p42a_x' };
  const errors: string[] = [];
  const exitCode = await runAgentProcess({
    args: [],
    env: { PLAN42_URL: server.url, PLAN42_AGENT: 'nonsense' },
    stdin: Readable.from([JSON.stringify(input)]),
    signal: new AbortController().signal,
    reportError: (message) => errors.push(message),
  });
  assert.deepEqual([exitCode, errors], [0, []]);
  assert.equal(server.turn.Status, 'Failed');
  assert.match(server.turn.ErrorMessage ?? '', /nonsense/);
});

test('a process without a request reports why', async () => {
  const errors: string[] = [];
  const exitCode = await runAgentProcess({
    args: [],
    env: {},
    stdin: Readable.from(['{}']),
    signal: new AbortController().signal,
    reportError: (message) => errors.push(message),
  });
  assert.deepEqual([exitCode, errors], [1, ['the request has no Turn']]);
});
