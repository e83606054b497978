import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { parseJson } from '../../lib/json.ts';

/** An ES256 key pair and its key ID. */
export interface SigningKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
  /** The thumbprint of the public key (RFC 7638). */
  keyId: string;
}

export function generateSigningKey(): SigningKey {
  return signingKeyOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);
}

export function exportSigningKey({ privateKey }: SigningKey): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

export function importSigningKey(pem: string): SigningKey {
  return signingKeyOf(createPrivateKey(pem));
}

function signingKeyOf(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return { privateKey, publicKey, keyId: hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url') };
}

/** A signed JSON Web Token in compact form (RFC 7519, RFC 7515 §7.1). */
export function signJwt(claims: object, { privateKey, keyId }: SigningKey): string {
  const signed = [{ alg: 'ES256', kid: keyId, typ: 'JWT' }, claims].map(encodePart).join('.');
  return `${signed}.${sign('sha256', Buffer.from(signed), es256(privateKey)).toString('base64url')}`;
}

/**
 * Returns the claims of a token that was signed with `key`, or undefined. Times and audience are not checked. The
 * algorithm is always ES256; the one in the header is ignored.
 */
export function verifyJwt(token: string, { publicKey }: SigningKey): unknown {
  const [header, claims, signature, ...rest] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  const signed = Buffer.from(`${header}.${claims}`);
  const decoded = Buffer.from(signature, 'base64url');
  // Node.js skips invalid characters, which would give one token many spellings.
  if (decoded.toString('base64url') !== signature) return undefined;
  if (!verify('sha256', signed, es256(publicKey), decoded)) return undefined;
  return parseJson(Buffer.from(claims, 'base64url').toString('utf8'));
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

// JWS uses R‖S, not OpenSSL's DER.
function es256(key: KeyObject) {
  return { key, dsaEncoding: 'ieee-p1363' } as const;
}
