import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAdapter } from '../adapters/find-adapter.ts';
import { runAgent } from './run-agent.ts';

test('an agent without a driver fails', async () => {
  const adapter = { name: 'x', packages: {}, keys: [], hosts: [] };
  const task = {
    prompt: '',
    folder: '/',
    model: undefined,
    reasoningLevel: undefined,
    webSearch: false,
    env: {},
    signal: new AbortController().signal,
    onEvent() {},
  };
  await assert.rejects(runAgent(adapter, task), { name: 'AgentFailure', kind: 'not-installed' });
  await assert.rejects(findAdapter({ PLAN42_AGENT: 'x' }), { kind: 'unknown-agent' });
});
