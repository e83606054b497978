/** Entries of lists of hosts: `AllowedHosts` of an environment, `allowed` and `always` of `[egress]`. */
import { parseHost } from './host-name.ts';
import { type Block, parseBlock } from './ip-address.ts';
import { type PresetName, presets } from './presets.ts';

export interface HostEntry {
  kind: 'host';
  /** A canonical name, `*.name` for all names below it, or `*` for every name. */
  host: string;
  ports: readonly number[];
  text: string;
}

export interface AddressEntry {
  kind: 'address';
  block: Block;
  ports: readonly number[];
  text: string;
}

export type Entry = HostEntry | AddressEntry;

/** The message follows the entry: "which …". */
export class InvalidEntry extends Error {
  override readonly name = 'InvalidEntry';
}

export const defaultPorts: readonly number[] = [443, 80];

/** Returns the entries that a text stands for: one, or those of a preset. @throws InvalidEntry */
export function parseEntry(text: string): Entry[] {
  if (Object.hasOwn(presets, text)) {
    const { hosts } = presets[text as PresetName];
    return hosts.flatMap((host) => parseOne(host, `${host} of the preset ${text}`));
  }
  return parseOne(text);
}

/** Returns why `AllowedHosts` of an environment cannot have an entry, to follow the entry: "is …". Undefined if it can. */
export function allowedHostProblem(text: string): string | undefined {
  try {
    const isAddress = parseEntry(text.trim()).some(({ kind }) => kind === 'address');
    return isAddress ? 'is an address, which only egress.always of the runner may name' : undefined;
  } catch (error) {
    if (error instanceof InvalidEntry) return error.message;
    throw error;
  }
}

/** @param label the entry in the words of its list, for people */
function parseOne(text: string, label = text): Entry[] {
  const url = /^\w+:\/\/([^/]*)/.exec(text);
  if (url !== null) throw new InvalidEntry(`is a URL; write "${url[1]}"`);
  if (text.trim() === '') throw new InvalidEntry('is empty; remove it');
  const { host, ports } = splitPort(text);
  if (host === '*') return [{ kind: 'host', host, ports, text: label }];
  const block = parseBlock(host.replace(/^\[(.*)\]$/, '$1'));
  if (block !== undefined) return [{ kind: 'address', block, ports, text: label }];
  if (host.includes('/')) throw new InvalidEntry(explainSlash(host));
  const isWildcard = host.startsWith('*.');
  const name = parseHost(isWildcard ? host.slice(2) : host);
  if (name?.kind === 'address') throw new InvalidEntry(`is an unusual form of an address; write "${name.text}"`);
  if (name === undefined) {
    if (host.includes('*')) throw new InvalidEntry('has a * that is not "*." at its start');
    throw new InvalidEntry('is not a host such as "example.com", "*.example.com" or "example.com:8443"');
  }
  return [{ kind: 'host', host: isWildcard ? `*.${name.text}` : name.text, ports, text: label }];
}

function splitPort(text: string): { host: string; ports: readonly number[] } {
  const [, host, portText] = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(text) ?? [];
  if (host === undefined || portText === undefined) return { host: text, ports: defaultPorts };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) throw new InvalidEntry('has an invalid port');
  return { host, ports: [port] };
}

function explainSlash(host: string): string {
  const [address = '', bits] = host.split('/');
  const whole = parseBlock(address);
  if (whole === undefined || !/^\d+$/.test(bits ?? '')) return 'has a path; write the host alone';
  return Number(bits) > whole.bits
    ? `is not a block of addresses: its prefix is longer than ${whole.bits}`
    : 'is not a block of addresses: it has bits set beyond its prefix';
}

/** Whether every name that `inner` matches is matched by `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.startsWith('*.')) return false;
  return (inner.startsWith('*.') ? inner.slice(1) : inner).endsWith(outer.slice(1));
}
