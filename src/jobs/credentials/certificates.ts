/**
 * The certificates of one job: an authority of its own, and one certificate for the hosts whose TLS its gateway ends. The key
 * of the authority is dropped at once, so that nothing can issue another certificate that the job trusts.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { parseHost } from '../../gateway/host-name.ts';
import { showAddress } from '../../gateway/ip-address.ts';
import { bits, explicit, implicit, integer, octets, oid, sequence, setOf, time, utf8, yes } from './der.ts';

export interface JobCertificates {
  /** PEM, for the container. */
  authority: string;
  /** PEM of the certificate for the hosts, and of its private key: for the gateway alone. */
  certificate: string;
  key: string;
}

const days = 24 * 60 * 60_000;
// The clock of a machine may be set back, and a job runs as long as it likes.
const validBefore = 2 * days;
const validFor = 397 * days;

const oids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  names: '2.5.29.17',
  constraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** @param hosts canonical names and addresses */
export function issueCertificates(hosts: readonly string[], now: Date): JobCertificates {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = pair();
  const leaf = pair();
  const validity = sequence(time(new Date(now.getTime() - validBefore)), time(new Date(now.getTime() + validFor)));
  const issuer = name(`Plan42 job ${randomBytes(8).toString('hex')}`);
  const authorityKey = keyIdentifier(authority.publicKey);
  const issue = (subject: Buffer, publicKey: KeyObject, extensions: readonly Buffer[]) => {
    const algorithm = sequence(oid(oids.ecdsaWithSha256));
    // A positive number of 16 bytes, as every library reads it.
    const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
    const version3 = explicit(0, integer(Buffer.from([2])));
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const parts = [version3, integer(serial), algorithm, issuer, validity, subject, spki];
    const body = sequence(...parts, explicit(3, sequence(...extensions)));
    return pem(sequence(body, algorithm, bits(sign('sha256', body, authority.privateKey))));
  };
  return {
    authority: issue(issuer, authority.publicKey, [
      extension(oids.constraints, sequence(yes(), integer(Buffer.from([0]))), true),
      // keyCertSign, cRLSign
      extension(oids.keyUsage, bits(Buffer.from([0x06]), 1), true),
      extension(oids.subjectKey, octets(authorityKey)),
    ]),
    certificate: issue(name('Plan42 gateway'), leaf.publicKey, [
      extension(oids.constraints, sequence(), true),
      // digitalSignature
      extension(oids.keyUsage, bits(Buffer.from([0x80]), 7), true),
      extension(oids.extendedUsage, sequence(oid(oids.serverAuth))),
      extension(oids.subjectKey, octets(keyIdentifier(leaf.publicKey))),
      extension(oids.authorityKey, sequence(implicit(0, authorityKey))),
      extension(oids.names, sequence(...hosts.map(subjectName))),
    ]),
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

function name(commonName: string): Buffer {
  return sequence(setOf(sequence(oid(oids.commonName), utf8(commonName))));
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [yes()] : []), octets(value));
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function subjectName(host: string): Buffer {
  const address = parseHost(host)?.address;
  if (address === undefined) return implicit(2, Buffer.from(host));
  const hex = address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
  if (showAddress(address) !== host) throw new Error(`not canonical: ${host}`);
  return implicit(7, Buffer.from(hex, 'hex'));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
