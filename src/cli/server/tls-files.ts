import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ExitCode, UserError } from '../../lib/errors.ts';

export interface TlsFiles {
  tlsCert?: string;
  tlsKey?: string;
}

/**
 * The PEM texts for TLS, or undefined when none is wanted.
 * @throws UserError if one of the two is missing, unreadable or not what it should be, or they don't belong together.
 */
export function readTlsFiles({ tlsCert, tlsKey }: TlsFiles): { cert: string; key: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsCert === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
    throw new UserError(`${given} needs ${missing}`, { remedy: 'Give both, or neither.', exitCode: ExitCode.usage });
  }
  const cert = read(tlsCert, '--tls-cert');
  const key = read(tlsKey, '--tls-key');
  const certificate = parse(() => new X509Certificate(cert), tlsCert, 'a PEM certificate');
  const privateKey = parse(() => createPrivateKey(key), tlsKey, 'an unencrypted PEM private key');
  if (!certificate.checkPrivateKey(privateKey)) {
    const remedy = 'Give the key that the certificate was made with.';
    throw new UserError(`the key in ${tlsKey} does not belong to the certificate in ${tlsCert}`, { remedy });
  }
  return { cert, key };
}

function read(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${path}`, {
      remedy: `Give ${option} a PEM file that you can read.`,
      cause: error,
    });
  }
}

function parse<T>(work: () => T, path: string, kind: string): T {
  try {
    return work();
  } catch (error) {
    throw new UserError(`${path} is not ${kind}`, { remedy: 'Give a file in PEM format.', cause: error });
  }
}
