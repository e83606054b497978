import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { sendJson, startTestServer, type TestServer } from '../../test/support/http-server.ts';
import type { Connection } from '../config/schema.ts';
import { createTransport } from '../plan42/transport.ts';
import { checkGithubToken } from './check-token.ts';
import { GithubError } from './errors.ts';

const token = 'ghp_secretsecretsecret';
let server: TestServer;
let transport: Dispatcher;

before(async () => {
  server = await startTestServer(() => {});
  transport = createTransport({});
});
beforeEach(() => {
  server.requests.length = 0;
});
after(async () => {
  await transport.destroy();
  await server[Symbol.asyncDispose]();
});

const connectionTo = (fields: Partial<Connection> = {}): Connection => ({
  url: new URL(server.url),
  connectionId: 'c-1',
  name: undefined,
  token,
  ...fields,
});

const refused = (message: RegExp, status?: number) => (error: unknown) => {
  assert.ok(error instanceof GithubError);
  assert.match(error.message, message);
  assert.equal(error.status, status);
  assert.doesNotMatch(JSON.stringify(error) + error.stack, /secretsecret/);
  return true;
};

test('tells whose token it is, its scopes and when it expires', async () => {
  server.answer = (response) =>
    sendJson(
      response,
      200,
      { login: 'octo', id: 1 },
      {
        'x-oauth-scopes': 'repo, read:org',
        'github-authentication-token-expiration': '2027-01-31 09:30:00 UTC',
      },
    );
  assert.deepEqual(await checkGithubToken(connectionTo(), { transport }), {
    login: 'octo',
    scopes: ['repo', 'read:org'],
    expiresAt: new Date('2027-01-31T09:30:00Z'),
  });
  assert.equal(server.requests[0]?.url, '/api/v3/user');
  assert.equal(server.requests[0]?.headers.authorization, `Bearer ${token}`);
});

test('a token may have no scopes, and a fine-grained one has none to tell', async () => {
  server.answer = (response) => sendJson(response, 200, { login: 'octo' }, { 'x-oauth-scopes': '' });
  assert.deepEqual((await checkGithubToken(connectionTo(), { transport })).scopes, []);
  server.answer = (response) => sendJson(response, 200, { login: 'octo' });
  assert.deepEqual(await checkGithubToken(connectionTo(), { transport }), {
    login: 'octo',
    scopes: undefined,
    expiresAt: undefined,
  });
});

test('reports a rejected token in GitHub’s words', async () => {
  server.answer = (response) => sendJson(response, 401, { message: 'Bad credentials', documentation_url: 'https://x' });
  await assert.rejects(checkGithubToken(connectionTo(), { transport }), refused(/^Bad credentials$/, 401));
});

test('so is a server that is not GitHub, or does not answer, or repeats the token', async () => {
  server.answer = (response) => sendJson(response, 200, ['hello']);
  await assert.rejects(checkGithubToken(connectionTo(), { transport }), refused(/invalid response/));
  server.answer = (response, { headers }) => sendJson(response, 400, { message: `Bad ${headers.authorization}` });
  await assert.rejects(checkGithubToken(connectionTo(), { transport }), refused(/^Bad Bearer \[redacted\]$/, 400));
  server.answer = () => {};
  const timeoutMs = 100;
  await assert.rejects(
    checkGithubToken(connectionTo(), { transport, timeoutMs }),
    refused(/did not respond within 0\.1 s/),
  );
});

test('sends no request without a token', async () => {
  await assert.rejects(
    checkGithubToken(connectionTo({ token: undefined }), { transport }),
    refused(/^missing github token for connection c-1$/),
  );
  assert.equal(server.requests.length, 0);
});

test('the caller’s signal ends it', async () => {
  server.answer = () => {};
  const reason = new Error('enough');
  const call = checkGithubToken(connectionTo(), { transport, signal: AbortSignal.abort(reason) });
  await assert.rejects(call, (error) => error === reason);
});
