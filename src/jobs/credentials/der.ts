/** Writes the parts of DER (X.690) that a certificate consists of. Nothing here reads any. */

const tags = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, time: 24, sequence: 48, set: 49 } as const;

function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const hex = length.toString(16);
  const long = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const size = length < 128 ? Buffer.from([length]) : Buffer.concat([Buffer.from([0x80 | long.length]), long]);
  return Buffer.concat([Buffer.from([tag]), size, content]);
}

export const sequence = (...parts: readonly Buffer[]) => element(tags.sequence, ...parts);
export const setOf = (part: Buffer) => element(tags.set, part);
export const octets = (content: Buffer) => element(tags.octets, content);
export const utf8 = (text: string) => element(tags.utf8, Buffer.from(text));
export const yes = () => element(tags.boolean, Buffer.from([0xff]));
/** @param unused the number of bits at the end of the last byte that do not count */
export const bits = (content: Buffer, unused = 0) => element(tags.bits, Buffer.from([unused]), content);
/** A tag that the enclosing type gives a meaning, around other elements, or in place of the tag of one. */
export const explicit = (number: number, ...parts: readonly Buffer[]) => element(0xa0 | number, ...parts);
export const implicit = (number: number, content: Buffer) => element(0x80 | number, content);

/** A positive number, from its bytes. */
export function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const shortest = start < 0 ? Buffer.from([0]) : bytes.subarray(start);
  const sign = (shortest[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : [];
  return element(tags.integer, ...sign, shortest);
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...others] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...others].flatMap((part) => {
    const groups = [part & 0x7f];
    for (let rest = Math.floor(part / 128); rest > 0; rest = Math.floor(rest / 128))
      groups.unshift((rest & 0x7f) | 0x80);
    return groups;
  });
  return element(tags.oid, Buffer.from(bytes));
}

export function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-T:]|\.\d+/g, '');
  // RFC 5280: the short form until 2049.
  if (date.getUTCFullYear() < 2050) return element(23, Buffer.from(text.slice(2)));
  return element(tags.time, Buffer.from(text));
}
