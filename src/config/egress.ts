/** Kinds of the settings in `[egress]`. */
import { InvalidEntry, parseEntry } from '../gateway/entries.ts';
import { InvalidValue, type Kind, list, parseAddress, text } from './kinds.ts';

function checked(entries: readonly string[]): readonly string[] {
  for (const entry of entries) {
    try {
      parseEntry(entry);
    } catch (error) {
      if (!(error instanceof InvalidEntry)) throw error;
      throw new InvalidValue(`a list with ${JSON.stringify(entry.slice(0, 300))}, which ${error.message}`);
    }
  }
  return entries;
}

/** Hosts, wildcards, addresses, blocks and presets. */
export const hostEntries: Kind<readonly string[]> = {
  ...list,
  notation: 'array of hosts, "*.host", addresses, CIDR blocks and presets, each with ":port" if it is not 443 or 80',
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (value) => checked(list.fromText(value)),
};

/** A proxy, with credentials or without; empty for none. The error contains nothing of it. */
export const proxyUrl: Kind<string> = {
  ...text,
  notation: '"http://[user:password@]host:port", or https; "" for none',
  fromToml: (value) => requireProxy(text.fromToml(value)),
  fromText: (value) => requireProxy(text.fromText(value)),
};

function requireProxy(value: string): string {
  if (value !== '' && !isProxyUrl(value)) throw new InvalidValue('not the URL of an http or https proxy');
  return value;
}

/** Whether the gateway can use it. */
export function isProxyUrl(value: string): boolean {
  const url = parseAddress(value);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') return false;
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
    return true;
  } catch {
    return false;
  }
}
