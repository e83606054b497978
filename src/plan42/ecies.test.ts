import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, ECDH, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as v from 'valibot';
import {
  DecryptionError,
  decrypt,
  decryptInPool,
  eciesAlgorithm,
  encrypt,
  encryptInPool,
  generateKeyPair,
  parsePublicKey,
  publicKeyPem,
  WrappedSecret,
} from './ecies.ts';

interface Vectors {
  algorithm: string;
  valid: {
    name: string;
    recipientPrivateKey: string;
    recipientPublicKey: string;
    plaintextBase64: string;
    wrapped: WrappedSecret;
  }[];
  invalid: { name: string; why: string; recipientPrivateKey: string; wrapped: Partial<WrappedSecret> }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../test/vectors/ecies.json', import.meta.url), 'utf8'),
) as Vectors;

const { privateKey, publicKey } = generateKeyPair();
const tagBytes = 16;
const pointBytes = 65;

describe('the test vectors', () => {
  test('are for this algorithm', () => {
    assert.equal(eciesAlgorithm, vectors.algorithm);
    assert.ok(vectors.valid.length > 0 && vectors.invalid.length > 0);
  });

  for (const { name, recipientPrivateKey, recipientPublicKey, plaintextBase64, wrapped } of vectors.valid) {
    const key = createPrivateKey(recipientPrivateKey);
    test(`decrypts: ${name}`, () => {
      assert.equal(decrypt(v.parse(WrappedSecret, wrapped), key).toString('base64'), plaintextBase64);
    });
    test(`encrypts to the key of: ${name}`, () => {
      const secret = encrypt(Buffer.from(plaintextBase64, 'base64'), parsePublicKey(recipientPublicKey));
      assert.equal(decrypt(secret, key).toString('base64'), plaintextBase64);
    });
  }

  for (const { name, why, recipientPrivateKey, wrapped } of vectors.invalid) {
    test(`rejects: ${name} (${why})`, () => {
      const read = () => decrypt(v.parse(WrappedSecret, wrapped), createPrivateKey(recipientPrivateKey));
      assert.throws(read, (error) => error instanceof DecryptionError || error instanceof v.ValiError);
    });
  }
});

describe('encryption', () => {
  test('round-trips any bytes, with ciphertext and tag of the right length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        const secret = encrypt(bytes, publicKey);
        assert.equal(Buffer.from(secret.EncryptedData, 'base64').length, bytes.length + tagBytes);
        assert.deepEqual(decrypt(secret, privateKey), Buffer.from(bytes));
      }),
    );
  });

  // One key in 128 has a coordinate that begins with a zero byte, one secret in 256 too.
  test('works with any key pair', () => {
    for (let i = 0; i < 300; i += 1) {
      const pair = generateKeyPair();
      assert.equal(decrypt(encrypt(Buffer.from('x'), pair.publicKey), pair.privateKey).toString(), 'x');
    }
  });

  test('uses a new ephemeral key each time', () => {
    const keys = Array.from({ length: 20 }, () => encrypt(Buffer.from('x'), publicKey).EphemeralPublicKey);
    assert.equal(new Set(keys).size, keys.length);
  });

  test('writes the algorithm, padded base64 and an SPKI PEM key', () => {
    const secret = encrypt(Buffer.from('x'), publicKey);
    assert.deepEqual(Object.keys(secret).toSorted(), ['EncryptedData', 'EncryptionAlgorithm', 'EphemeralPublicKey']);
    assert.equal(secret.EncryptionAlgorithm, 'ECIES.Cofactor.VariableIV.X963.SHA256.AESGCM');
    assert.match(secret.EncryptedData, /^[A-Za-z0-9+/]{23}=$/);
    assert.match(secret.EphemeralPublicKey, /^-----BEGIN PUBLIC KEY-----\n[\s\S]+\n-----END PUBLIC KEY-----\n$/);
  });
});

describe('encryption in the thread pool', () => {
  test('is the same in both directions, also with any key pair', async () => {
    for (let i = 0; i < 300; i += 1) {
      const pair = generateKeyPair();
      const secret = await encryptInPool(Buffer.from('x'), pair.publicKey);
      assert.equal(decrypt(secret, pair.privateKey).toString(), 'x');
      assert.equal((await decryptInPool(encrypt(Buffer.from('y'), pair.publicKey), pair.privateKey)).toString(), 'y');
    }
  });

  test('rejects what the other rejects', async () => {
    const secret = encrypt(Buffer.from('a message'), publicKey);
    const changed = {
      ...secret,
      EncryptedData: flip(Buffer.from(secret.EncryptedData, 'base64'), 3).toString('base64'),
    };
    for (const invalid of [changed, { ...secret, EphemeralPublicKey: 'x' }, { ...secret, EncryptionAlgorithm: 'x' }])
      await assert.rejects(decryptInPool(invalid, privateKey), DecryptionError);
  });
});

describe('a changed message', () => {
  test('is rejected whichever bit of the data is flipped', () => {
    const secret = encrypt(Buffer.from('a message'), publicKey);
    const data = Buffer.from(secret.EncryptedData, 'base64');
    for (let bit = 0; bit < data.length * 8; bit += 1) {
      const changed = { ...secret, EncryptedData: flip(data, bit).toString('base64') };
      assert.throws(() => decrypt(changed, privateKey), DecryptionError, `bit ${bit}`);
    }
  });

  test('is rejected whichever bit of the ephemeral point is flipped', () => {
    // Twice, since what a point's first byte may be depends on whether Y is even.
    for (const secret of [withParity(0), withParity(1)]) {
      const der = derOf(secret.EphemeralPublicKey);
      for (let bit = (der.length - pointBytes) * 8; bit < der.length * 8; bit += 1) {
        const changed = { ...secret, EphemeralPublicKey: pemOf(flip(der, bit)) };
        assert.throws(() => decrypt(changed, privateKey), DecryptionError, `bit ${bit}`);
      }
    }
  });

  test('is rejected when truncated', () => {
    const secret = encrypt(Buffer.from('a message'), publicKey);
    const data = Buffer.from(secret.EncryptedData, 'base64');
    for (let length = 0; length < data.length; length += 1) {
      const changed = { ...secret, EncryptedData: data.subarray(0, length).toString('base64') };
      assert.throws(() => decrypt(changed, privateKey), DecryptionError, `${length} bytes`);
    }
  });

  for (const [name, change] of [
    ['a line break', (text: string) => `${text.slice(0, 8)}\n${text.slice(8)}`],
    ['no padding', (text: string) => text.replace(/=+$/, '')],
    ['the URL alphabet', (text: string) => `-_${text.slice(2)}`],
    ['junk', (text: string) => `${text.slice(0, 4)}!${text.slice(5)}`],
    ['bits after the end', (text: string) => text.replace(/.=$/, 'B=')],
  ] as const) {
    test(`is rejected when its base64 has ${name}`, () => {
      const secret = encrypt(Buffer.from('x'), publicKey);
      const changed = { ...secret, EncryptedData: change(secret.EncryptedData) };
      assert.throws(() => decrypt(changed, privateKey), DecryptionError);
    });
  }
});

describe('public keys', () => {
  test('may have a compressed point', () => {
    const pair = generateKeyPair();
    const compressed = compress(publicKeyPem(pair.publicKey));
    assert.notEqual(compressed, publicKeyPem(pair.publicKey));
    const secret = encrypt(Buffer.from('to a compressed key'), parsePublicKey(compressed));
    assert.equal(decrypt(secret, pair.privateKey).toString(), 'to a compressed key');
  });

  test('of a sender may be compressed: the key derivation uses the whole point', () => {
    const secret = encrypt(Buffer.from('hello'), publicKey);
    const changed = { ...secret, EphemeralPublicKey: compress(secret.EphemeralPublicKey) };
    assert.equal(decrypt(changed, privateKey).toString(), 'hello');
  });

  const otherKeys: Record<string, string> = {
    'a private key': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'a SEC 1 private key': privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    'an RSA key': publicKeyPem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
    'an Ed25519 key': publicKeyPem(generateKeyPairSync('ed25519').publicKey),
    'an X25519 key': publicKeyPem(generateKeyPairSync('x25519').publicKey),
    'a P-384 key': publicKeyPem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
    'a secp256k1 key': publicKeyPem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
    nothing: '',
    junk: 'junk',
    'an empty PEM': '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n',
    'a PEM of junk': pemOf(Buffer.from('junk')),
  };
  for (const [name, pem] of Object.entries(otherKeys)) {
    test(`are rejected: ${name}`, () => {
      assert.throws(() => parsePublicKey(pem), DecryptionError);
    });
  }
});

test('errors contain neither keys nor content', () => {
  const secret = encrypt(Buffer.from('the-plain-content'), publicKey);
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const attempts = [
    { ...secret, EncryptionAlgorithm: 'the-plain-content' },
    { ...secret, EncryptedData: 'the-plain-content' },
    { ...secret, EncryptedData: '' },
    { ...secret, EphemeralPublicKey: privatePem },
    { ...secret, EphemeralPublicKey: 'the-plain-content' },
    encrypt(Buffer.from('the-plain-content'), generateKeyPair().publicKey),
  ];
  for (const attempt of attempts) {
    assert.throws(
      () => decrypt(attempt, privateKey),
      (error: Error) => {
        const text = `${error.stack} ${error.cause}`;
        assert.doesNotMatch(text, /the-plain-content/);
        for (const line of privatePem.split('\n').slice(1, -2)) assert.ok(!text.includes(line));
        return true;
      },
    );
  }
});

function flip(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}

function withParity(parity: 0 | 1): WrappedSecret {
  for (;;) {
    const secret = encrypt(Buffer.from('x'), publicKey);
    if (((derOf(secret.EphemeralPublicKey).at(-1) ?? 0) & 1) === parity) return secret;
  }
}

function derOf(pem: string): Buffer {
  return createPublicKey(pem).export({ type: 'spki', format: 'der' });
}

function pemOf(der: Buffer): string {
  return `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
}

function compress(pem: string): string {
  const point = ECDH.convertKey(
    derOf(pem).subarray(-pointBytes),
    'prime256v1',
    undefined,
    undefined,
    'compressed',
  ) as Buffer;
  const header = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex');
  return pemOf(Buffer.concat([header, point]));
}
