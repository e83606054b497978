/** A certificate authority of a test's own, and a certificate for the names of its servers. */
import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { run } from '../engines/processes.ts';

export interface Authority {
  /** PEM file of the authority. */
  caFile: string;
  certFile: string;
  keyFile: string;
}

export async function makeAuthority(folder: string, names: readonly string[]): Promise<Authority> {
  const at = (name: string) => join(folder, name);
  const config = `[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = ${names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(', ')}
`;
  await writeFile(at('openssl.cnf'), config);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const make = (name: string, subject: string, ...more: string[]) => {
    const files = ['-out', at(`${name}.pem`), '-keyout', at(`${name}.key`)];
    return run('openssl', [
      'req',
      '-x509',
      '-config',
      at('openssl.cnf'),
      ...newKey,
      ...files,
      '-subj',
      subject,
      ...more,
    ]);
  };
  await make('ca', '/CN=Test authority', '-extensions', 'ca');
  const issuer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  await make('server', '/CN=Test server', '-extensions', 'leaf', ...issuer);
  return { caFile: at('ca.pem'), certFile: at('server.pem'), keyFile: at('server.key') };
}
