import { formatError } from './errors.ts';
import { endsInsidePrivateKey, redact } from './redact.ts';

/** Bounds of one log entry. Values come from messages and answers, so another party chooses their size. */
const maxStringLength = 4096;
const maxEntryLength = 16_384;
const maxDepth = 6;
const maxItems = 50;
// A secret that begins before a cut must be recognised, so this much after the cut is examined too.
const maxSecretLength = 4096;

/**
 * Makes the values of one log entry safe to write: bounded in length and depth, without secrets. A long string is cut, and
 * ends with the number of bytes left out.
 */
export class EntryBounds {
  #remaining = maxEntryLength;
  #isInsidePrivateKey = false;

  /** Returns the value as JSON can represent it, or undefined if JSON leaves it out. */
  bound(value: unknown, depth = 0): unknown {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'bigint':
        return this.text(`${value}`);
      case 'object':
        return value === null ? null : this.#object(value, depth);
      case 'number':
        this.#remaining -= 8;
        return Number.isFinite(value) ? value : null;
      case 'boolean':
        return value;
      case 'undefined':
      case 'function':
      case 'symbol':
        return undefined;
    }
  }

  text(text: string): string {
    const limit = Math.max(0, Math.min(maxStringLength, this.#remaining));
    const examined = text.slice(0, limit + maxSecretLength);
    const clean = this.#withoutSecrets(examined);
    if (clean.length <= limit && examined.length === text.length) {
      this.#remaining -= clean.length;
      return clean;
    }
    this.#remaining -= limit;
    const shown = clean.slice(0, limit).toWellFormed();
    const leftOut = Buffer.byteLength(clean.slice(limit)) + Buffer.byteLength(text.slice(examined.length));
    return `${shown}… [${leftOut} bytes left out]`;
  }

  // A private key can be split into lines, each of which is a value.
  #withoutSecrets(text: string): string {
    if (!this.#isInsidePrivateKey) {
      this.#isInsidePrivateKey = endsInsidePrivateKey(text);
      return redact(text);
    }
    const end = text.indexOf('-----END ');
    if (end < 0) return '[redacted]';
    this.#isInsidePrivateKey = false;
    return `[redacted]${redact(text.slice(end).replace(/^-----END [A-Z0-9 ]{0,60}-----/, ''))}`;
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Error) return this.text(formatError(value));
    if (hasToJson(value)) return this.bound(value.toJSON(), depth);
    if (depth >= maxDepth) return '[nested too deeply]';
    if (Array.isArray(value)) {
      const items = value.slice(0, maxItems).map((item) => this.bound(item, depth + 1) ?? null);
      return items.length === value.length ? items : [...items, `… [${value.length - maxItems} items left out]`];
    }
    const names = Object.keys(value);
    const entries = names
      .slice(0, maxItems)
      .map((name) => [this.text(name), this.bound((value as Record<string, unknown>)[name], depth + 1)]);
    if (names.length > maxItems) entries.push(['…', `[${names.length - maxItems} fields left out]`]);
    return Object.fromEntries(entries);
  }
}

function hasToJson(value: object): value is { toJSON: () => unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
