/** The key that encrypts the secrets in the database. It is in a file beside the database, so that one is useless without the other. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeDurably } from '../../lib/files.ts';
import { readTextIfExists } from '../../lib/read-file.ts';

export const keyFileName = 'secrets.key';

const filePrefix = 'plan42-secrets-key-1 ';
const [keyBytes, nonceBytes, tagBytes] = [32, 12, 16];

/** The identity of a secret, so that its encrypted value is of no use elsewhere. */
export type SecretName = readonly [kind: string, ...names: string[]];

/** AES-256-GCM with a random nonce for each value. */
export class SecretKey {
  /** Identifies the key without revealing it. */
  readonly id: string;
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
    this.id = hash('sha256', Buffer.concat([Buffer.from(filePrefix), key]), 'hex').slice(0, 16);
  }

  encrypt(name: SecretName, value: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(this.#associated(name));
    const sealed = Buffer.concat([nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `v1.${this.id}.${sealed.toString('base64url')}`;
  }

  /** @throws SecretError if the value is not of this key and name */
  decrypt(name: SecretName, text: string): string {
    const [version, id, data = ''] = text.split('.');
    const sealed = Buffer.from(data, 'base64url');
    if (version !== 'v1' || id !== this.id || sealed.length < nonceBytes + tagBytes) throw new SecretError();
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(this.#associated(name));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    try {
      return decipher.update(sealed.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw new SecretError();
    }
  }

  #associated(name: SecretName): Buffer {
    return Buffer.from(JSON.stringify(['v1', this.id, ...name]));
  }

  async save(dataDir: string): Promise<void> {
    await writeDurably(join(dataDir, keyFileName), `${filePrefix}${this.#key.toString('base64url')}\n`);
  }
}

/** A stored secret was changed, or encrypted with another key. */
export class SecretError extends Error {
  override readonly name = 'SecretError';

  constructor() {
    super('a stored secret cannot be decrypted; set its value again');
  }
}

export function newKey(): SecretKey {
  return new SecretKey(randomBytes(keyBytes));
}

/** Returns the key of a folder; undefined if the file is missing or damaged. */
export async function readKey(dataDir: string): Promise<SecretKey | undefined> {
  const text = (await readTextIfExists(join(dataDir, keyFileName))) ?? '';
  const key = Buffer.from(text.trim().slice(filePrefix.length), 'base64url');
  return text.startsWith(filePrefix) && key.length === keyBytes ? new SecretKey(key) : undefined;
}
