import { sendJson, startTestServer, type TestServer } from './http-server.ts';

/** A GitHub Enterprise Server that knows one token, and whose it is. */
export function startFakeGithub(token: string, login: string, scopes = 'repo, read:org'): Promise<TestServer> {
  return startTestServer((response, { url, headers }) => {
    if (url !== '/api/v3/user') return sendJson(response, 404, { message: 'Not Found' });
    if (headers.authorization !== `Bearer ${token}`) return sendJson(response, 401, { message: 'Bad credentials' });
    sendJson(response, 200, { login }, { 'x-oauth-scopes': scopes });
  });
}
