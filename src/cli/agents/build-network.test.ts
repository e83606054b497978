import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorityRemedy, proxyOptions } from './build-network.ts';

test('docker gets the proxies by name, except those that a container cannot reach', () => {
  const env = {
    HTTPS_PROXY: 'http://user:password@proxy.corp:3128',
    http_proxy: 'http://user@127.0.0.1:3128',
    all_proxy: 'socks5://localhost',
    NO_PROXY: 'localhost,.corp',
    ftp_proxy: '',
    OTHER: 'x',
  };
  assert.deepEqual(proxyOptions('docker', env), ['--build-arg', 'HTTPS_PROXY', '--build-arg', 'NO_PROXY']);
  assert.deepEqual(proxyOptions('podman', env), []);
});

test('an authority that is missing has a remedy, whichever program needs it', () => {
  for (const output of [
    'npm error code SELF_SIGNED_CERT_IN_CHAIN',
    'npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'curl: (60) SSL certificate problem: unable to get local issuer certificate',
    "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')",
    'TLS: server certificate not trusted: certificate verify failed',
  ]) {
    assert.match(authorityRemedy(output, 'docker', undefined), /^Name the certificate authority .* with --ca-file,/);
    const given = { path: '/ca.pem', setting: '--ca-file' };
    assert.match(authorityRemedy(output, 'docker', given), /^The build trusts \/ca\.pem \(--ca-file\) too: add/);
  }
  const pull = 'x509: certificate signed by unknown authority';
  assert.match(authorityRemedy(pull, 'podman', undefined), /^Let podman trust/);
  assert.equal(authorityRemedy('npm error 404', 'docker', undefined), '');
});
