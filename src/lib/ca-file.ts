import { X509Certificate } from 'node:crypto';
import { ExitCode, UserError } from './errors.ts';
import { readFailure, readTextSync } from './read-file.ts';

/**
 * Reads a PEM file of certificates and returns them without anything else that is in the file, such as a private key.
 * @param setting the setting that names the file, for the remedy
 * @throws UserError (exit code 3) if the file cannot be read, or contains no certificate or a damaged one
 */
export function readCaFile(path: string, setting = 'network.ca_file'): string {
  const remedy = `Set ${setting} to a PEM file with the certificate of your authority.`;
  const unusable = (why: string, cause?: unknown) =>
    new UserError(why, { remedy, cause, exitCode: ExitCode.configuration });
  let pem: string;
  try {
    pem = readTextSync(path);
  } catch (error) {
    throw unusable(`cannot read the CA file ${path}`, readFailure(error));
  }
  const certificates = certificatesIn(pem);
  if (certificates.length === 0) throw unusable(`cannot use the CA file ${path}: it contains no PEM certificate`);
  const cause = certificates.map(damageOf).find((damage) => damage !== undefined);
  if (cause !== undefined) throw unusable(`cannot use the CA file ${path}: it contains a damaged certificate`, cause);
  return certificates.join('');
}

export function isDamaged(certificate: string): boolean {
  return damageOf(certificate) !== undefined;
}

function damageOf(certificate: string): unknown {
  try {
    void new X509Certificate(certificate);
    return undefined;
  } catch (error) {
    return error;
  }
}

const begin = '-----BEGIN CERTIFICATE-----';
const end = '-----END CERTIFICATE-----';

/** Returns the certificates in a text, in PEM, unchecked. */
export function certificatesIn(pem: string): string[] {
  return pem
    .split(begin)
    .slice(1)
    .map((rest) => `${begin}${rest.split(end, 1)[0]}${end}\n`);
}
