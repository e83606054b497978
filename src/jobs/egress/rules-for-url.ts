import { defaultPorts } from '../../gateway/entries.ts';
import { parseHost } from '../../gateway/host-name.ts';
import type { AddressRule, Rule } from '../../gateway/policy.ts';

/** The rules for a host by its URL: a name, or an address. Only the configuration may name private addresses. */
export function rulesForUrl(
  url: URL,
  { source, isConfigured }: { source: string; isConfigured: boolean },
): { rules: Rule[]; addresses: AddressRule[] } {
  const host = parseHost(url.hostname.replaceAll(/[[\]]/g, ''));
  if (host === undefined) return { rules: [], addresses: [] };
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const ports = defaultPorts.includes(port) ? [...defaultPorts] : [port];
  if (host.kind === 'name')
    return { rules: [{ host: host.text, ports, source, mayBePrivate: isConfigured }], addresses: [] };
  if (!isConfigured) return { rules: [], addresses: [] };
  const bits = host.address.family === 4 ? 32 : 128;
  return { rules: [], addresses: [{ cidr: `${host.text}/${bits}`, ports, source }] };
}
