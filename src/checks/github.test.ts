import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  connection,
  type DoctorSetting,
  plainSecret,
  setUp,
  startDoctorSetting,
} from '../../test/support/doctor-setting.ts';
import { type Answerer, sendJson, startTestServer } from '../../test/support/http-server.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('GitHub', () => {
  for (const [what, answer, status, found] of [
    [
      'rejects the token',
      ((response) => sendJson(response, 401, { message: 'Bad credentials' })) as Answerer,
      'failed',
      /github\.work\.token: token rejected \(401: Bad credentials\)/,
    ],
    [
      'is another server',
      ((response) => void response.end('<html>')) as Answerer,
      'failed',
      /did not respond like GitHub: .*not JSON/,
    ],
    [
      'redirects',
      ((response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/user' }).end()) as Answerer,
      'failed',
      /did not respond like GitHub: .*redirect/,
    ],
    [
      'reports too few scopes',
      ((response) => sendJson(response, 200, { login: 'o' }, { 'x-oauth-scopes': 'gist' })) as Answerer,
      'warning',
      /lacks the scope repo, read:org \(o\)/,
    ],
    [
      'leaves out organisations',
      ((response, { url }) =>
        sendJson(response, 200, url === '/api/v3/user' ? { login: 'o' } : [], {
          'x-github-sso': 'partial-results; organizations=7',
        })) as Answerer,
      'warning',
      /sees only a part of o’s organisations/,
    ],
    [
      'reports no scopes',
      ((response) => sendJson(response, 200, { login: 'o' })) as Answerer,
      'ok',
      /o \(fine-grained/,
    ],
  ] as const) {
    test(`that ${what}`, async () => {
      await using github = await startTestServer(answer);
      await using patient = await setUp(setting, { config: connection(github.url, plainSecret) });
      const { of } = await patient.checks();
      assert.equal(of('github').status, status);
      assert.match(of('github').found[0] ?? '', found);
      assert.deepEqual(
        github.requests.slice(0, 1).map(({ url, headers }) => [url, headers.authorization]),
        [['/api/v3/user', `Bearer ${plainSecret}`]],
      );
    });
  }
});
