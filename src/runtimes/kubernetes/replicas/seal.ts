/** Encrypts the records of jobs, so that who can read Leases does not learn the tokens and prompts in them. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

export interface Seal {
  close(jobId: string, content: string): string;
  /** @throws Error if it was sealed with another key or for another job, or is damaged */
  open(jobId: string, sealed: string): string;
}

const version = 'v1.';
const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;
const maxContentBytes = 64 * 2 ** 20;

/** AES-256-GCM, with a key that HKDF derives. A sealed record is valid only for its job of this instance. */
export function createSeal(stateKey: string, instanceId: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', stateKey, instanceId, 'plan42 record of a job', keyBytes));
  const boundTo = (jobId: string) => Buffer.from(JSON.stringify([instanceId, jobId]));
  return {
    close(jobId, content) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(boundTo(jobId));
      const parts = [nonce, cipher.update(gzipSync(content)), cipher.final(), cipher.getAuthTag()];
      return version + Buffer.concat(parts).toString('base64');
    },
    open(jobId, sealed) {
      if (!sealed.startsWith(version)) throw new Error('the record has an unknown format');
      const bytes = Buffer.from(sealed.slice(version.length), 'base64');
      if (bytes.length < nonceBytes + tagBytes) throw new Error('the record is cut off');
      const options = { authTagLength: tagBytes };
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), options)
        .setAAD(boundTo(jobId))
        .setAuthTag(bytes.subarray(-tagBytes));
      let packed: Buffer;
      try {
        packed = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      } catch {
        throw new Error('the record was sealed with another kubernetes.state_key, or changed');
      }
      return gunzipSync(packed, { maxOutputLength: maxContentBytes }).toString('utf8');
    },
  };
}
