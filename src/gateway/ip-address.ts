/** Addresses and blocks of them as numbers, so that two spellings of one address are never two addresses. */
import { isIP } from 'node:net';

export interface IpAddress {
  family: 4 | 6;
  value: bigint;
}

/** A CIDR block. */
export interface Block extends IpAddress {
  bits: number;
}

const bitsOf = (family: 4 | 6) => (family === 4 ? 32 : 128);

/** Reads the usual form of an address: `192.0.2.1`, `2001:db8::1`. Undefined for anything else, zone IDs included. */
export function parseAddress(text: string): IpAddress | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: parseIpv4(text) };
  return family === 6 && !text.includes('%') ? { family, value: parseIpv6(text) } : undefined;
}

function parseIpv4(text: string): bigint {
  return BigInt(text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0));
}

function parseIpv6(text: string): bigint {
  const dotted = text.slice(text.lastIndexOf(':') + 1);
  const ipv4 = dotted.includes('.') ? parseIpv4(dotted) : undefined;
  const hex =
    ipv4 === undefined
      ? text
      : `${text.slice(0, -dotted.length)}${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`;
  const [head = '', tail] = hex.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** `ADDRESS/BITS`, or an address, which is a block of one. Undefined if the address is not the first of its block. */
export function parseBlock(text: string): Block | undefined {
  const [address = '', prefix, more] = text.split('/');
  const parsed = parseAddress(address);
  if (parsed === undefined || more !== undefined) return undefined;
  const all = bitsOf(parsed.family);
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) return undefined;
  const bits = prefix === undefined ? all : Number(prefix);
  if (bits > all) return undefined;
  const host = (1n << BigInt(all - bits)) - 1n;
  return (parsed.value & host) === 0n ? { ...parsed, bits } : undefined;
}

export function contains(block: Block, { family, value }: IpAddress): boolean {
  if (family !== block.family) return false;
  const shift = BigInt(bitsOf(family) - block.bits);
  return value >> shift === block.value >> shift;
}

export function isWithin(inner: Block, outer: Block): boolean {
  return inner.bits >= outer.bits && contains(outer, inner);
}

/** The last 32 bits, or others, as an IPv4 address. */
export function ipv4At({ value }: IpAddress, shift: number): IpAddress {
  return { family: 4, value: (value >> BigInt(shift)) & 0xffff_ffffn };
}

export function showAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, n) => ((value >> BigInt(112 - 16 * n)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

export function showBlock(block: Block): string {
  return `${showAddress(block)}/${block.bits}`;
}
