/** AWS Signature Version 4, the side that verifies. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalRequest, type SentRequest, sha256Hex } from './canonical-request.ts';

export interface Signature {
  accessKeyId: string;
  /** Eight digits. */
  date: string;
  region: string;
  service: string;
  /** In lower case, in order. */
  signedHeaders: readonly string[];
  /** Hexadecimal. */
  signature: string;
}

const pattern =
  /^AWS4-HMAC-SHA256 Credential=([^,\s]{1,500}), ?SignedHeaders=([^,\s]{1,2000}), ?Signature=([\da-f]{64})$/;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** Reads an Authorization header. Returns undefined unless it has all parts in their form. */
export function parseSignature(authorization: string): Signature | undefined {
  const [, credential = '', names = '', signature = ''] = pattern.exec(authorization) ?? [];
  const [accessKeyId, date = '', region, service, end, ...more] = credential.split('/');
  if (!accessKeyId || !region || !service || end !== 'aws4_request' || more.length > 0) return undefined;
  const signedHeaders = names.split(';');
  const isCanonical = signedHeaders.every((name, n) => headerName.test(name) && name > (signedHeaders[n - 1] ?? ''));
  if (!isCanonical || !/^\d{8}$/.test(date)) return undefined;
  return { accessKeyId, date, region, service, signedHeaders, signature };
}

/** Whether the signature is that of the request, made with the secret. */
export function isSignedBy(
  secret: string,
  signed: Signature,
  request: SentRequest,
  { amzDate, bodyHash }: { amzDate: string; bodyHash: string },
): boolean {
  const { date, region, service, signedHeaders, signature } = signed;
  const scope = [date, region, service, 'aws4_request'];
  const canonical = sha256Hex(canonicalRequest(request, signedHeaders, bodyHash));
  const text = ['AWS4-HMAC-SHA256', amzDate, scope.join('/'), canonical].join('\n');
  const key = scope.reduce<string | Buffer>(
    (previous, part) => createHmac('sha256', previous).update(part).digest(),
    `AWS4${secret}`,
  );
  return isSameHex(createHmac('sha256', key).update(text).digest('hex'), signature);
}

/** Compares in constant time. */
export function isSameHex(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
