import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from './request.ts';

const request = (fields: object) =>
  parseRequest(
    JSON.stringify({
      Turn: { TenantId: 't', TaskId: 'x', TurnIndex: 1, Version: 1, Prompt: 'p' },
      Task: { Model: 'GPT-5.1 Codex' },
      AgentToken: 'p42a_token',
      ...fields,
    }),
  );

test('the models of a request become variables, whose keys are secrets', () => {
  const { modelVariables, secrets } = request({
    openaiendpoint: 'https://own.example/v1',
    OpenAIToken: 'sk-own',
    ClaudeToken: 'sk-ant-own',
    ClaudeEndpoint: '',
  });
  assert.deepEqual(modelVariables, {
    OPENAI_BASE_URL: 'https://own.example/v1',
    OPENAI_API_KEY: 'sk-own',
    ANTHROPIC_API_KEY: 'sk-ant-own',
  });
  assert.deepEqual(secrets, ['p42a_token', 'sk-own', 'sk-ant-own']);
  assert.deepEqual(request({ OpenAIToken: null }).modelVariables, {});
});

test('a mapping replaces the model of the task', () => {
  const mapped = (ModelMappings: unknown) => request({ ModelMappings }).model;
  assert.equal(mapped({ 'GPT-5.1 Codex': { Provider: 'openai', Model: 'own-codex' } }), 'own-codex');
  assert.equal(mapped({ other: { Provider: 'openai', Model: 'own-codex' } }), 'GPT-5.1 Codex');
  assert.equal(mapped(null), 'GPT-5.1 Codex');
});
