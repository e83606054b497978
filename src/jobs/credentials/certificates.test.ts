import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { isCommandInstalled, runCommand } from '../../lib/run-command.ts';
import { issueCertificates } from './certificates.ts';

const hosts = ['a.example', 'xn--bcher-kva.example', '10.0.0.1', '2001:db8::1'];

test('the certificate is for its hosts alone, and its authority is of this job alone', () => {
  const [issued, other] = [issueCertificates(hosts, new Date()), issueCertificates(hosts, new Date())];
  const leaf = new X509Certificate(issued.certificate);
  const authority = new X509Certificate(issued.authority);
  assert.ok(leaf.checkIssued(authority) && leaf.verify(authority.publicKey));
  assert.ok(!leaf.verify(new X509Certificate(other.authority).publicKey));
  assert.ok(authority.ca && !leaf.ca);
  for (const host of hosts) assert.ok(leaf.checkHost(host) ?? leaf.checkIP(host), host);
  for (const host of ['b.example', 'x.a.example']) assert.equal(leaf.checkHost(host), undefined);
  assert.equal(leaf.checkIP('10.0.0.2'), undefined);
  assert.notEqual(leaf.serialNumber, authority.serialNumber);
});

test('dates beyond 2049 have the other form', () => {
  const issued = issueCertificates(hosts, new Date('2049-12-31T12:00:00Z'));
  const leaf = new X509Certificate(issued.certificate);
  assert.equal(leaf.validFromDate.toISOString(), '2049-12-29T12:00:00.000Z');
  assert.equal(leaf.validToDate.getUTCFullYear(), 2051);
});

test('OpenSSL finds nothing to object to', { skip: !(await isCommandInstalled('openssl', process.env)) }, async () => {
  await using dir = await makeTempDir();
  const issued = issueCertificates(hosts, new Date());
  const [ca, leaf] = [join(dir.path, 'ca.pem'), join(dir.path, 'leaf.pem')];
  await writeFile(ca, issued.authority);
  await writeFile(leaf, issued.certificate);
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_hostname',
    'a.example',
    '-CAfile',
    ca,
    leaf,
  ];
  const { exitCode, stdout, stderr } = await runCommand('openssl', args, { env: process.env });
  assert.equal(exitCode, 0, stdout + stderr);
});
