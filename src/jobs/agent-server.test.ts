import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentServerUrl } from './agent-server.ts';

const runnerUrl = new URL('https://runner.example');
const tokenWith = (claims: unknown) =>
  `p42a_e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;

test('agents call the issuer of their token, otherwise the runner’s server', () => {
  assert.equal(agentServerUrl(tokenWith({ iss: 'http://127.0.0.1:7042' }), runnerUrl).href, 'http://127.0.0.1:7042/');
  const others = [{}, { iss: 3 }, { iss: 'plan42' }, { iss: 'file:///etc' }, { iss: null }, null].map(tokenWith);
  for (const token of [...others, '', 'opaque', 'p42a_a.b.c', 'a.'.repeat(1000)])
    assert.equal(agentServerUrl(token, runnerUrl), runnerUrl, token);
});
