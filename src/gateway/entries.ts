/** Entries of lists of hosts: `AllowedHosts` of an environment, `allowed` and `always` of `[egress]`. */
import { nearest } from '../lib/nearest.ts';
import { parseHost } from './host-name.ts';
import { type Block, parseBlock, showBlock } from './ip-address.ts';
import { type PresetName, presets } from './presets.ts';

export interface HostEntry {
  kind: 'host';
  /** A canonical name, `*.name` for all names below it, or `*` for every name. */
  host: string;
  ports: readonly number[];
  text: string;
  isOfPreset: boolean;
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

class UnusualAddress extends InvalidEntry {}

export const defaultPorts: readonly number[] = [443, 80];

/**
 * Returns the entries that a text stands for: one, or those of a preset.
 * @param label the entries in the words of their list, for people
 * @throws InvalidEntry
 */
export function parseEntry(text: string, label?: string): Entry[] {
  if (Object.hasOwn(presets, text)) {
    const { hosts } = presets[text as PresetName];
    return hosts.flatMap((host) => parseHostEntry(host, label ?? `${host} of the preset ${text}`, true));
  }
  rejectMisspelling(text);
  return parseHostEntry(text, label);
}

/** Words by which people call some presets, or misspell them. */
const nicknames: Readonly<Record<string, PresetName>> = {
  apt: 'debian',
  cargo: 'crates',
  golang: 'go',
  pip: 'pypi',
  pipy: 'pypi',
  yarn: 'npm',
};

/** A misspelled preset would be the host of a name that no one has. With a dot after it, each word is a host. */
function rejectMisspelling(text: string): void {
  const [, word = '', port = ''] = /^([a-z\d-]+)(:\d+)?$/i.exec(text) ?? [];
  if (word === '') return;
  const lower = word.toLowerCase();
  const nickname = Object.hasOwn(nicknames, lower) ? nicknames[lower] : undefined;
  const meant = nickname ?? nearest(lower, Object.keys(presets));
  if (meant === undefined) return;
  const why = lower === meant && port !== '' ? 'is a preset with a port, which presets do not have' : 'is not a preset';
  throw new InvalidEntry(`${why}; write "${meant}", or "${word}.${port}" for a host of this name`);
}

const addressProblem = 'is an address, which only egress.always of the runner may name';

/** Returns why `AllowedHosts` of an environment cannot have an entry, to follow the entry: "is …". Undefined if it can. */
export function allowedHostProblem(text: string): string | undefined {
  try {
    return parseEntry(text.trim()).some(({ kind }) => kind === 'address') ? addressProblem : undefined;
  } catch (error) {
    if (error instanceof UnusualAddress) return addressProblem;
    if (error instanceof InvalidEntry) return error.message;
    throw error;
  }
}

/** Like {@link parseEntry}, without presets. */
export function parseHostEntry(text: string, label = text, isOfPreset = false): Entry[] {
  const url = /^\w+:\/\/([^/]*)/.exec(text);
  if (url !== null) throw new InvalidEntry(`is a URL; write "${url[1]}"`);
  if (text.trim() === '') throw new InvalidEntry('is empty; remove it');
  const { host, ports } = splitPort(text);
  if (host === '*') return [{ kind: 'host', host, ports, text: label, isOfPreset }];
  const block = parseBlock(host.replace(/^\[(.*)\]$/, '$1'));
  if (block !== undefined) return [{ kind: 'address', block, ports, text: label }];
  if (host.includes('/')) throw new InvalidEntry(explainSlash(host));
  const isWildcard = host.startsWith('*.');
  const name = parseHost(isWildcard ? host.slice(2) : host);
  if (name?.kind === 'address') throw new UnusualAddress(`is an unusual form of an address; write "${name.text}"`);
  if (name === undefined) {
    if (host.includes('*')) throw new InvalidEntry('has a * that is not "*." at its start');
    throw new InvalidEntry('is not a host such as "example.com", "*.example.com" or "example.com:8443"');
  }
  return [{ kind: 'host', host: isWildcard ? `*.${name.text}` : name.text, ports, text: label, isOfPreset }];
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
  if (Number(bits) > whole.bits) return `is not a block of addresses: its prefix is longer than ${whole.bits}`;
  const beyond = BigInt(whole.bits - Number(bits));
  const block = showBlock({ ...whole, value: (whole.value >> beyond) << beyond, bits: Number(bits) });
  return `is not a block of addresses: it has bits set beyond its prefix; write "${block}"`;
}

/** Whether every name that `inner` matches is matched by `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.startsWith('*.')) return false;
  return (inner.startsWith('*.') ? inner.slice(1) : inner).endsWith(outer.slice(1));
}
