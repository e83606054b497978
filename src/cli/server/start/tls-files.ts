import { createPrivateKey, X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { readFailure, readTextSync } from '../../../lib/read-file.ts';

/** Absolute paths. */
export interface TlsFiles {
  tlsCert?: string;
  tlsKey?: string;
}

export interface TlsPair {
  /** PEM text of the certificate chain. */
  cert: string;
  key: string;
  /** Absolute path of the certificate file, if it contains its own authority, such as a self-signed one. */
  ownAuthority: string | undefined;
  /** Whether this machine already trusts the authority. */
  isKnown: boolean;
}

/**
 * Certificate and key, or undefined if neither is given.
 * @throws UserError if one of the two is missing, unreadable or invalid, or they do not match.
 */
export function readTlsFiles({ tlsCert, tlsKey }: TlsFiles): TlsPair | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsCert === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
    throw new UserError(`${given} needs ${missing}`, { remedy: 'Give both or neither.', exitCode: ExitCode.usage });
  }
  const cert = read(tlsCert, '--tls-cert');
  const key = read(tlsKey, '--tls-key');
  const certificate = parse(() => new X509Certificate(cert), tlsCert, 'a PEM certificate');
  const privateKey = parse(() => createPrivateKey(key), tlsKey, 'an unencrypted PEM private key');
  if (!certificate.checkPrivateKey(privateKey)) {
    const remedy = 'Give the private key of the certificate.';
    throw new UserError(`the key in ${tlsKey} does not match the certificate in ${tlsCert}`, { remedy });
  }
  const chain = [...cert.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].flatMap(([pem]) => {
    const parsed = tryParse(pem);
    return parsed === undefined ? [] : [parsed];
  });
  const known = getCACertificates('default').flatMap((pem) => tryParse(pem) ?? []);
  const isKnown = chain.some((link) => known.some((authority) => link.checkIssued(authority)));
  const isOwn = !isKnown && chain.some((link) => link.checkIssued(link));
  return { cert, key, isKnown, ownAuthority: isOwn ? tlsCert : undefined };
}

function tryParse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function read(path: string, option: string): string {
  try {
    return readTextSync(path);
  } catch (error) {
    throw new UserError(`cannot read ${path}`, {
      remedy: `Give ${option} a PEM file that you can read.`,
      cause: readFailure(error),
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
