/** The one spelling of a host. All comparisons of names are comparisons of it. */
import { isIP } from 'node:net';
import { type IpAddress, parseAddress, showAddress } from './ip-address.ts';

export type Host =
  | { kind: 'name'; text: string; address?: undefined }
  | { kind: 'address'; text: string; address: IpAddress };

const maxNameLength = 253;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Returns the canonical form of a name (lower case, punycode, no trailing dot) or of an address, in any of the spellings that
 * resolvers accept: `0x7f.1`, `2130706433`, `017700000001`, `[::ffff:127.0.0.1]`. Undefined if it is neither.
 */
export function parseHost(text: string): Host | undefined {
  // Everything that a URL would decode, split at, or ignore.
  if (text.length > 1024 || /[\p{Cc}\s%/\\?#@<>^|"`{}]/u.test(text)) return undefined;
  if (isIP(text) === 6) return hostOf(parseAddress(text));
  const bracketed = /^\[([\da-fA-F:.]+)\]$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? hostOf(parseAddress(bracketed)) : undefined;
  if (/[:[\]]/.test(text)) return undefined;
  const canonical = URL.parse(`http://${text}/`)?.hostname;
  if (canonical === undefined || canonical === '') return undefined;
  const address = parseAddress(canonical);
  if (address !== undefined) return hostOf(address);
  const name = canonical.endsWith('.') ? canonical.slice(0, -1) : canonical;
  const labels = name.split('.');
  return name.length <= maxNameLength && labels.every((each) => label.test(each))
    ? { kind: 'name', text: name }
    : undefined;
}

function hostOf(address: IpAddress | undefined): Host | undefined {
  return address && { kind: 'address', text: showAddress(address), address };
}

export interface Target {
  host: Host;
  port: number;
}

/** Reads `host:port`, as in a CONNECT request, with the port optional if there is a default. */
export function parseTarget(text: string, defaultPort?: number): Target | undefined {
  const [, hostText = '', portText] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = portText === undefined ? defaultPort : Number(portText);
  const host = parseHost(hostText);
  return host === undefined || port === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export function showTarget({ host, port }: Target): string {
  return `${host.text.includes(':') ? `[${host.text}]` : host.text}:${port}`;
}
