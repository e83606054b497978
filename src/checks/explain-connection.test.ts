import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertFound, type DoctorCase } from '../../test/support/doctor-case.ts';
import { connection, type DoctorSetting, plainSecret, startDoctorSetting } from '../../test/support/doctor-setting.ts';
import { explainConnection } from './explain-connection.ts';

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

const cases: DoctorCase[] = [
  {
    what: 'a server host that does not exist',
    given: () => ({ runner: { url: 'https://plan42.invalid' } }),
    check: 'api',
    status: 'failed',
    found: /cannot resolve host plan42\.invalid/,
    remedy: /DNS/,
    exitCode: 1,
  },
  {
    what: 'a GitHub host that does not exist',
    given: () => ({ config: connection('https://github.invalid') }),
    check: 'github',
    status: 'failed',
    found: /cannot resolve host github\.invalid/,
    remedy: /Correct github\.work\.url, or the DNS/,
    exitCode: 1,
  },
  {
    what: 'a port where nothing listens',
    given: () => ({ runner: { url: 'http://127.0.0.1:1' } }),
    check: 'api',
    status: 'failed',
    found: /nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    exitCode: 1,
  },
  {
    what: 'no server time',
    given: () => ({ runner: { url: 'http://127.0.0.1:1' } }),
    check: 'clock',
    status: 'skipped',
    found: /the server did not respond/,
    exitCode: 1,
  },
  {
    what: 'a proxy that is down',
    given: () => ({
      runner: { url: 'https://plan42.invalid' },
      env: { https_proxy: `http://user:${plainSecret}@127.0.0.1:1` },
    }),
    check: 'api',
    status: 'failed',
    found: /the proxy 127\.0\.0\.1:1 does not connect to plan42\.invalid/,
    remedy: /https_proxy/,
    exitCode: 1,
  },
  {
    what: 'an invalid proxy URL',
    given: () => ({ env: { https_proxy: `nonsense ${plainSecret}` } }),
    check: 'api',
    status: 'failed',
    found: /https_proxy is not a URL/,
    exitCode: 3,
  },
  {
    what: 'a missing CA file',
    given: () => ({ config: '[network]\nca_file = "/does/not/exist.pem"\n' }),
    check: 'api',
    status: 'failed',
    found: /cannot read the CA file \/does\/not\/exist\.pem/,
    remedy: /network\.ca_file/,
    exitCode: 3,
  },
  {
    what: 'an SSL_CERT_FILE that does not exist',
    given: () => ({ env: { SSL_CERT_FILE: '/does/not/exist.pem' } }),
    check: 'configuration',
    status: 'warning',
    found: /SSL_CERT_FILE: cannot read the CA file \/does\/not\/exist\.pem/,
    remedy: /^Set SSL_CERT_FILE to a PEM file/,
  },
];

describe('reports a problem and its remedy', () => {
  for (const one of cases) test(one.what, () => assertFound(setting, one));
});

test('no_proxy names a host as a whole, or everything below it', () => {
  const usesProxy = (noProxy: string) => {
    const env = { https_proxy: 'http://proxy.example:3128', no_proxy: noProxy };
    const url = new URL('https://api.example.com');
    return explainConnection(new Error('x'), 'runner.url', url, env).message.includes('proxy.example');
  };
  for (const list of ['api.example.com', '.example.com', '*.example.com', 'a, API.example.com:443', '*'])
    assert.equal(usesProxy(list), false, list);
  for (const list of ['example.com', 'ample.com', 'pi.example.com', '.api.example.com', ''])
    assert.equal(usesProxy(list), true, list);
});

test('a certificate that is not trusted names a variable that has no effect', () => {
  const error = Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const remedyIn = (env: NodeJS.ProcessEnv) =>
    explainConnection(error, 'runner.url', new URL('https://api.example.com'), env).remedies[0]?.text ?? '';
  assert.match(remedyIn({}), /use the authority of the proxy\.$/);
  assert.match(
    remedyIn({ SSL_CERT_DIR: '/none' }),
    /proxy\. SSL_CERT_DIR has no effect: cannot read the folder \/none: it does not exist\. Set SSL_CERT_DIR to/,
  );
});
