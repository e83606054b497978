/** The kind of `limits.model_hosts`. */
import { parseHost } from '../gateway/host-name.ts';
import { InvalidValue, type Kind, list, parseAddress } from './kinds.ts';

/** Reads a host of models: `host`, `host:port`, or `http://host:port` without TLS. @throws InvalidValue */
export function parseModelHost(entry: string): URL {
  const url = parseAddress(entry.includes('://') ? entry : `https://${entry}`);
  const isHost =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    parseHost(url.hostname.replaceAll(/[[\]]/g, '')) !== undefined &&
    !url.hostname.includes('*') &&
    [url.pathname, url.search, url.hash, url.username, url.password].join('') === '/';
  if (isHost) return url;
  throw new InvalidValue(
    `a list with ${JSON.stringify(entry.slice(0, 300))}, which is not "host", "host:port" or "http://host:port"`,
  );
}

function checked(entries: readonly string[]): readonly string[] {
  for (const entry of entries) parseModelHost(entry);
  return entries;
}

export const modelHosts: Kind<readonly string[]> = {
  ...list,
  notation: 'array of "host", "host:port" and "http://host:port"',
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (value) => checked(list.fromText(value)),
};
