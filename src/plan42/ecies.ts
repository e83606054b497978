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
  generateKeyPairSync,
  hash,
  type KeyObject,
} from 'node:crypto';
import * as v from 'valibot';
import { knownFields } from './fields.ts';

export const eciesAlgorithm = 'ECIES.Cofactor.VariableIV.X963.SHA256.AESGCM';

export const WrappedSecret = knownFields({
  EncryptionAlgorithm: v.string(),
  EncryptedData: v.string(),
  EphemeralPublicKey: v.string(),
});
export type WrappedSecret = v.InferOutput<typeof WrappedSecret>;

/** Why a message could not be decrypted. Says nothing about its content. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

export interface KeyPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const curve = 'prime256v1'; // OpenSSL's name of NIST P-256
const tagLength = 16;
const kdfCounter = Buffer.from([0, 0, 0, 1]);
// In an SPKI key on a named curve of 256 bits, the point's first byte, which tells its form.
const pointOffset = 26;

export function generateKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: curve });
}

/** The key as SPKI PEM, as the protocol sends it. */
export function publicKeyPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/**
 * Reads an SPKI PEM public key.
 * @throws DecryptionError if it is not a public key on P-256 (OpenSSL refuses points off the curve).
 */
export function parsePublicKey(pem: string): KeyObject {
  // `createPublicKey` would also take a private key or a certificate, and derive the public key from it.
  if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----'))
    throw new DecryptionError('the public key is not SPKI PEM');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new DecryptionError('the public key cannot be read', { cause: error });
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curve) {
    throw new DecryptionError('the public key is not on P-256');
  }
  // OpenSSL knows a hybrid form too, in which one flipped bit would go unnoticed.
  const form = key.export({ type: 'spki', format: 'der' })[pointOffset];
  if (form !== 2 && form !== 3 && form !== 4) throw new DecryptionError('the public key has an unknown form');
  return key;
}

/** Encrypts `plaintext` to `recipient`, with a fresh ephemeral key. */
export function encrypt(plaintext: Uint8Array, recipient: KeyObject): WrappedSecret {
  const ephemeral = generateKeyPair();
  const { key, iv } = deriveKey(ephemeral.privateKey, recipient, ephemeral.publicKey);
  const cipher = createCipheriv('aes-128-gcm', key, iv);
  const data = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return {
    EncryptionAlgorithm: eciesAlgorithm,
    EncryptedData: data.toString('base64'),
    EphemeralPublicKey: publicKeyPem(ephemeral.publicKey),
  };
}

/**
 * Decrypts what was encrypted to `recipient`'s public key.
 * @throws DecryptionError for another algorithm, a bad key, data that is too short or was changed.
 */
export function decrypt(secret: WrappedSecret, recipient: KeyObject): Buffer {
  if (secret.EncryptionAlgorithm !== eciesAlgorithm) throw new DecryptionError('unknown encryption algorithm');
  const ephemeral = parsePublicKey(secret.EphemeralPublicKey);
  const data = parseBase64(secret.EncryptedData);
  if (data.length < tagLength) throw new DecryptionError('the encrypted data is too short');
  const { key, iv } = deriveKey(recipient, ephemeral, ephemeral);
  const decipher = createDecipheriv('aes-128-gcm', key, iv, { authTagLength: tagLength });
  decipher.setAuthTag(data.subarray(-tagLength));
  try {
    return Buffer.concat([decipher.update(data.subarray(0, -tagLength)), decipher.final()]);
  } catch {
    throw new DecryptionError('the encrypted data does not verify');
  }
}

function deriveKey(privateKey: KeyObject, publicKey: KeyObject, ephemeral: KeyObject): { key: Buffer; iv: Buffer } {
  const secret = diffieHellman({ privateKey, publicKey });
  const block = hash('sha256', Buffer.concat([secret, kdfCounter, uncompressedPoint(ephemeral)]), 'buffer');
  return { key: block.subarray(0, 16), iv: block.subarray(16, 32) };
}

// By way of JWK, since an SPKI key may hold its point compressed.
function uncompressedPoint(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

// Node.js skips what is not base64; the protocol refuses it.
function parseBase64(text: string): Buffer {
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) throw new DecryptionError('the encrypted data is not base64');
  return data;
}
