import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../config/parse.ts';
import { buildAgentInput } from './agent-input.ts';

const file = `
[github.one]
connection_id = "ABCDEF00-0000-4000-8000-000000000001"
token = "ghp_one"
[github.two]
connection_id = "abcdef00-0000-4000-8000-000000000002"
url = "https://github.example.com/"
token = "ghp_two"
[github.three]
`;
const { github } = parseConfig({ file, env: {}, flags: new Map() }).config;

describe('the input of the agent', () => {
  test('is the request as it was received', () => {
    const request =
      '{"Type":"InvokeAgentRequest","Task":{"X":12345678901234567890,"Y":1.0,"Z":1e3},"New":[null,{"a":"\\u00e9"}],"AgentToken":"t","FeedBack":null}';
    assert.equal(buildAgentInput(request, {}), request.replace('\\u00e9', 'é'));
  });

  test('has the newest turn', () => {
    const input = buildAgentInput('{"Turn":{"Version":1,"Old":1},"Task":{}}', { turn: { Version: 5, Shiny: true } });
    assert.deepEqual(JSON.parse(input), { Turn: { Version: 5, Shiny: true }, Task: {} });
  });

  test('has the connection’s token and URL', () => {
    const request = '{"GithubToken":null,"PrivateGithubConnectionID":"x"}';
    assert.deepEqual(JSON.parse(buildAgentInput(request, { connection: github['two'] })), {
      GithubToken: 'ghp_two',
      GithubURL: 'https://github.example.com',
      PrivateGithubConnectionID: 'x',
    });
    assert.equal(JSON.parse(buildAgentInput('{}', { connection: github['one'] })).GithubURL, 'https://github.com');
  });

  test('keeps the request’s own token when the connection has none', () => {
    const request = '{"GithubToken":"own"}';
    assert.equal(JSON.parse(buildAgentInput(request, { connection: github['three'] })).GithubToken, 'own');
  });

  test('has feedback that was fetched', () => {
    const feedback = { 'org/repo': [{ ID: '1', IsResolved: false, Comments: [] }] };
    assert.deepEqual(JSON.parse(buildAgentInput('{}', { feedback })), { FeedBack: feedback });
    assert.deepEqual(JSON.parse(buildAgentInput('{"Feedback":null}', { feedback })), { FeedBack: feedback });
  });

  test('has a replaced field once, in the protocol’s spelling', () => {
    const request = '{"turn":{"Version":1},"TURN":{"Version":2},"Turn":{"Version":3},"githubToken":"old"}';
    const input = buildAgentInput(request, { turn: { Version: 9 }, connection: github['one'] });
    const { GithubURL: _, ...rest } = JSON.parse(input) as Record<string, unknown>;
    assert.deepEqual(rest, { Turn: { Version: 9 }, GithubToken: 'ghp_one' });
  });

  test('may have keys like __proto__, which are data', () => {
    const request = '{"__proto__":{"a":1},"constructor":1}';
    assert.equal(buildAgentInput(request, {}), request);
  });
});
