/**
 * End-to-end encryption of messages: Apple's `kSecKeyAlgorithmECIESEncryptionCofactorVariableIVX963SHA256AESGCM`
 * on P-256. One block of the ANSI X9.63 KDF (SEC 1, §3.6.1) with SHA-256 over the ECDH secret and the
 * ephemeral public key gives an AES-128-GCM key and a 16-byte IV.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPair as generateKeyPairInBackground,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { knownFields } from './fields.ts';

export const eciesAlgorithm = 'ECIES.Cofactor.VariableIV.X963.SHA256.AESGCM';

export const WrappedSecret = knownFields({
  EncryptionAlgorithm: v.string(),
  EncryptedData: v.string(),
  EphemeralPublicKey: v.string(),
});
export type WrappedSecret = v.InferOutput<typeof WrappedSecret>;

/** Why a message cannot be decrypted. Reveals nothing about its content. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

export interface KeyPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const curve = 'prime256v1'; // OpenSSL's name of NIST P-256
const tagLength = 16;
const pointLength = 65;
// RFC 5480: SubjectPublicKeyInfo up to the point, for id-ecPublicKey on secp256r1.
const spkiPrefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const kdfCounter = Buffer.from([0, 0, 0, 1]);

export function generateKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: curve });
}

/** Returns the key in SPKI PEM, the format of the protocol. */
export function publicKeyPem(key: KeyObject): string {
  return spkiPem(uncompressedPoint(key));
}

// Node's PEM export takes as long as the rest of an encryption.
function spkiPem(point: Buffer): string {
  const body = Buffer.concat([spkiPrefix, point]).toString('base64');
  return `-----BEGIN PUBLIC KEY-----\n${body.slice(0, 64)}\n${body.slice(64)}\n-----END PUBLIC KEY-----\n`;
}

/**
 * Reads an SPKI PEM public key.
 * @throws DecryptionError if it is not a public key on P-256 (OpenSSL rejects points off the curve)
 */
export function parsePublicKey(pem: string): KeyObject {
  return readPublicKey(pem).key;
}

function readPublicKey(pem: string): { key: KeyObject; point: Buffer } {
  const body = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  if (body === undefined) throw new DecryptionError('the public key is not SPKI PEM');
  const der = Buffer.from(body, 'base64');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (error) {
    throw new DecryptionError('the public key cannot be read', { cause: error });
  }
  // The usual form. Its prefix says everything about the key but the point, so nothing has to be exported.
  const form = der[spkiPrefix.length];
  const isPlain = der.length === spkiPrefix.length + pointLength && der.indexOf(spkiPrefix) === 0;
  if (isPlain && form === 4) return { key, point: der.subarray(spkiPrefix.length) };
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curve) {
    throw new DecryptionError('the public key is not on P-256');
  }
  // OpenSSL also accepts a hybrid form, in which one flipped bit would go unnoticed.
  if (form !== 2 && form !== 3 && form !== 4) throw new DecryptionError('the public key has an unknown form');
  return { key, point: uncompressedPoint(key) };
}

/** Encrypts `plaintext` for `recipient` with a new ephemeral key. */
export function encrypt(plaintext: Uint8Array, recipient: KeyObject): WrappedSecret {
  const { privateKey, publicKey } = generateKeyPair();
  return seal(plaintext, publicKey, diffieHellman({ privateKey, publicKey: recipient }));
}

/**
 * As {@link encrypt}, with the arithmetic of the curve in the thread pool. That costs a tenth more processor time, but lets
 * this thread continue with other messages.
 */
export async function encryptInPool(plaintext: Uint8Array, recipient: KeyObject): Promise<WrappedSecret> {
  const { privateKey, publicKey } = await generateKeyPairInPool('ec', { namedCurve: curve });
  return seal(plaintext, publicKey, await agreeInPool(privateKey, recipient));
}

function seal(plaintext: Uint8Array, ephemeralKey: KeyObject, secret: Buffer): WrappedSecret {
  const point = uncompressedPoint(ephemeralKey);
  const { key, iv } = deriveKey(secret, point);
  const cipher = createCipheriv('aes-128-gcm', key, iv);
  const data = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return {
    EncryptionAlgorithm: eciesAlgorithm,
    EncryptedData: data.toString('base64'),
    EphemeralPublicKey: spkiPem(point),
  };
}

/**
 * Decrypts a secret that was encrypted for `recipient`.
 * @throws DecryptionError for another algorithm, an invalid key, and data that is too short or was changed
 */
export function decrypt(secret: WrappedSecret, recipient: KeyObject): Buffer {
  const sealed = readSealed(secret);
  return open(sealed, diffieHellman({ privateKey: recipient, publicKey: sealed.key }));
}

/** As {@link decrypt}, like {@link encryptInPool}. @throws DecryptionError, also at once */
export async function decryptInPool(secret: WrappedSecret, recipient: KeyObject): Promise<Buffer> {
  const sealed = readSealed(secret);
  return open(sealed, await agreeInPool(recipient, sealed.key));
}

interface Sealed {
  /** The ephemeral key and its point. */
  key: KeyObject;
  point: Buffer;
  data: Buffer;
}

function readSealed(secret: WrappedSecret): Sealed {
  if (secret.EncryptionAlgorithm !== eciesAlgorithm) throw new DecryptionError('unknown encryption algorithm');
  const ephemeral = readPublicKey(secret.EphemeralPublicKey);
  const data = parseBase64(secret.EncryptedData);
  if (data.length < tagLength) throw new DecryptionError('the encrypted data is too short');
  return { ...ephemeral, data };
}

function open({ point, data }: Sealed, secret: Buffer): Buffer {
  const { key, iv } = deriveKey(secret, point);
  const decipher = createDecipheriv('aes-128-gcm', key, iv, { authTagLength: tagLength });
  decipher.setAuthTag(data.subarray(-tagLength));
  try {
    return Buffer.concat([decipher.update(data.subarray(0, -tagLength)), decipher.final()]);
  } catch {
    throw new DecryptionError('the encrypted data does not verify');
  }
}

const generateKeyPairInPool = promisify(generateKeyPairInBackground);

function agreeInPool(privateKey: KeyObject, publicKey: KeyObject): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  diffieHellman({ privateKey, publicKey }, (error, secret) => (error ? reject(error) : resolve(secret)));
  return promise;
}

function deriveKey(secret: Buffer, ephemeralPoint: Buffer): { key: Buffer; iv: Buffer } {
  const block = hash('sha256', Buffer.concat([secret, kdfCounter, ephemeralPoint]), 'buffer');
  return { key: block.subarray(0, 16), iv: block.subarray(16, 32) };
}

// JWK always has both coordinates; an SPKI key may hold its point compressed.
function uncompressedPoint(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

// Node.js skips invalid characters; the protocol rejects them.
function parseBase64(text: string): Buffer {
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) throw new DecryptionError('the encrypted data is not base64');
  return data;
}
