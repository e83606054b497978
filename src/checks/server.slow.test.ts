import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  connection,
  type DoctorSetting,
  plainSecret,
  setUp,
  startDoctorSetting,
} from '../../test/support/doctor-setting.ts';
import { type Answerer, sendJson, startTestServer } from '../../test/support/http-server.ts';
import { startProxy } from '../../test/support/proxy.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { tlsPair } from '../../test/support/tls-pair.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

describe('the server', () => {
  const asServer =
    (offsetMs = 0, status = 200, headers = {}): Answerer =>
    (response) =>
      sendJson(
        response,
        status,
        { TenantId: 'x' },
        { date: new Date(Date.now() + offsetMs).toUTCString(), ...headers },
      );

  test('the clock check reports the difference', async () => {
    for (const [offsetMs, found] of [
      [-90_000, /^[89]\d s ahead of the server/],
      [3_600_000, /^(359|360)\d s behind the server/],
    ] as const) {
      await using server = await startTestServer(asServer(offsetMs));
      await using patient = await setUp(setting, { runner: { url: server.url } });
      const { exitCode, of } = await patient.checks();
      assert.equal(of('clock').status, 'warning');
      assert.match(of('clock').found[0] ?? '', found);
      assert.ok(of('clock').remedies[0]?.command);
      assert.equal(exitCode, 0);
    }
    await using server = await startTestServer(asServer(-30_000));
    await using patient = await setUp(setting, { runner: { url: server.url } });
    assert.equal((await patient.checks()).of('clock').status, 'ok');
  });

  test('gets one request for the checks of the server, with the token', async () => {
    await using server = await startTestServer(asServer());
    await using patient = await setUp(setting, { runner: { url: `${server.url}/below/` } });
    await patient.checks();
    // The other one lists the connections to GitHub.
    assert.equal(server.requests.length, 2);
    assert.match(server.requests[0]?.url ?? '', /^\/below\/v1\/tenants\/[\w-]+$/);
    assert.equal(server.requests[0]?.headers.authorization, `APIToken ${setting.token}`);
  });

  for (const [what, answer, found] of [
    [
      'a portal’s redirect',
      asServer(0, 302, { location: 'https://portal.example/login?t=1' }),
      /redirects to https:\/\/portal\.example$/,
    ],
    [
      'a web page',
      ((response) => void response.end('<html>Welcome</html>')) as Answerer,
      /returned 200, and is not a Plan42 server/,
    ],
    [
      'an error',
      ((response) => sendJson(response, 503, { Message: 'maintenance', ErrorType: 'X' })) as Answerer,
      /returned 503: maintenance$/,
    ],
    [
      'a rejection',
      ((response) => sendJson(response, 403, { Message: `not with ${setting.token}`, ErrorType: 'X' })) as Answerer,
      /token not authorized \(403: not with (p42r_)?\[redacted\]\)/,
    ],
  ] as const) {
    test(`that responds with ${what}`, async () => {
      await using server = await startTestServer(answer);
      await using patient = await setUp(setting, { runner: { url: server.url } });
      const { exitCode, of } = await patient.checks();
      assert.equal(of('api').status, 'failed');
      assert.match(of('api').found[0] ?? '', found);
      assert.equal(exitCode, what === 'a rejection' ? 4 : 1);
      assert.equal(server.requests.length, 1, 'redirects are not followed');
    });
  }

  test('with an untrusted certificate', async () => {
    await using server = await startTestServer(asServer(), tlsPair);
    const url = server.url.replace('127.0.0.1', 'localhost');
    await using patient = await setUp(setting, { runner: { url } });
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.match(
      of('api').found[0] ?? '',
      /the certificate of localhost:\d+ is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    );
    assert.match(of('api').remedies[0]?.text ?? '', /network\.ca_file/);
    assert.match(of('api').remedies[0]?.command ?? '', /^openssl s_client -connect localhost:\d+ /);
    const caFile = join(patient.dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using trusting = await setUp(setting, { runner: { url }, config: `[network]\nca_file = "${caFile}"\n` });
    assert.equal((await trusting.checks()).of('api').status, 'ok');
    await using careless = await setUp(setting, { runner: { url, skip_ssl_verify: true } });
    const { of: found } = await careless.checks();
    assert.equal(found('api').status, 'warning');
    assert.match(found('api').found.join(), /the certificate of localhost:\d+ is not verified/);
  });

  test('behind a proxy, with a certificate for another host', async () => {
    await using server = await startTestServer(asServer(), tlsPair);
    await using proxy = await startProxy(server.port);
    await using dir = await makeTempDir();
    const caFile = join(dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using patient = await setUp(setting, {
      runner: { url: 'https://plan42.invalid' },
      config: `[network]\nca_file = "${caFile}"\n`,
      env: { HTTPS_PROXY: proxy.url.replace('//', `//user:${plainSecret}@`) },
    });
    const { of } = await patient.checks();
    assert.match(
      of('api').found[0] ?? '',
      /the certificate is not for plan42\.invalid \(ERR_TLS_CERT_ALTNAME_INVALID, via proxy 127\.0\.0\.1:\d+\)/,
    );
  });

  test('is not said to have refused the token if it was not asked', async () => {
    await using server = await startTestServer(asServer(0, 503));
    const found = async (runner: Record<string, string>) => {
      await using patient = await setUp(setting, { runner, config: connection(server.url) });
      return (await patient.checks()).of('connections').found[0];
    };
    await using refusing = await startTestServer(asServer(0, 401));
    await using untrusted = await startTestServer(asServer(), tlsPair);
    const reason = 'the server was not asked for them, because ';
    assert.equal(await found({ url: untrusted.url }), `${reason}it was not reached`);
    assert.equal(await found({ url: server.url, token: 'p42r_x' }), `${reason}there is no valid token`);
    assert.equal(await found({ url: server.url }), `${reason}it returned 503 before`);
    assert.equal(await found({ url: refusing.url }), 'the server did not accept the token');
  });

  test('and GitHub behind a proxy that rejects connections', async () => {
    await using server = await startTestServer(asServer());
    await using proxy = await startProxy(server.port, { refusal: 407 });
    await using patient = await setUp(setting, {
      runner: { url: 'https://plan42.invalid' },
      config: connection('https://github.invalid'),
      env: { HTTPS_PROXY: proxy.url },
    });
    const { of } = await patient.checks();
    for (const [name, host] of [
      ['api', 'plan42'],
      ['github', 'github'],
    ] as const) {
      const found = `the proxy \\S+ does not connect to ${host}\\.invalid \\(.*407.*\\)$`;
      assert.match(of(name).found[0] ?? '', new RegExp(found));
    }
  });

  test('and GitHub that do not respond time out, and do not block other checks', async () => {
    await using server = await startTestServer(() => {});
    await using patient = await setUp(setting, { runner: { url: server.url }, config: connection(server.url) });
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    for (const name of ['api', 'github']) {
      assert.equal(of(name).status, 'failed');
      assert.match(of(name).found[0] ?? '', /no response from 127\.0\.0\.1:\d+ \(no response within 6 s\)$/);
    }
    assert.equal(of('clock').status, 'skipped');
    assert.equal(of('runtime').status, 'ok');
  });

  test('Ctrl-C aborts', async () => {
    await using server = await startTestServer(() => {});
    await using patient = await setUp(setting, { runner: { url: server.url } });
    const controller = new AbortController();
    server.answer = () => controller.abort();
    const { exitCode, stderr } = await patient.run([], { signal: controller.signal });
    assert.deepEqual([exitCode, stderr], [130, '']);
  });
});
