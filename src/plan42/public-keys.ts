import type { KeyObject } from 'node:crypto';
import { parsePublicKey } from './ecies.ts';

const maxKeys = 256;
// A key on P-256 has 178 characters.
const maxPemLength = 1000;

/** The public keys that were parsed last, by their text. A caller or queue has the same key in all of its messages. */
export class PublicKeys {
  readonly #keys = new Map<string, KeyObject>();

  /** As {@link parsePublicKey}. @throws DecryptionError */
  parse(pem: string): KeyObject {
    const known = this.#keys.get(pem);
    if (known !== undefined) return known;
    const key = parsePublicKey(pem);
    if (pem.length > maxPemLength) return key;
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= maxKeys && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(pem, key);
    return key;
  }
}
