/** The host that a proxied HTTP request is for. */
import { valuesOf } from './headers.ts';
import { parseTarget, showTarget, type Target } from './host-name.ts';

export type RequestTarget =
  | { kind: 'target'; target: Target; path: string }
  /** The client made a mistake, or tries something. */
  | { kind: 'invalid'; reason: string }
  /** `Host`, or the URL, names another host than that of the tunnel. */
  | { kind: 'other'; tunnel: Target; named: string };

interface RequestLine {
  /** The second word of the request line. */
  url: string;
  rawHeaders: readonly string[];
}

/**
 * @param tunnel the host of the tunnel that the request came by, if it came by one
 * @param defaultPort that of the protocol in the tunnel
 */
export function readRequestTarget(
  { url, rawHeaders }: RequestLine,
  tunnel: Target | undefined,
  defaultPort = 80,
): RequestTarget {
  const hosts = valuesOf(rawHeaders, 'host');
  if (hosts.length > 1) return { kind: 'invalid', reason: 'it has more than one Host header' };
  if (tunnel === undefined) return readAbsolute(url);
  const named = url.startsWith('/') ? readHost(hosts[0], defaultPort) : readAbsolute(url);
  if (named.kind !== 'target') return named;
  const expected = showTarget(tunnel);
  if (showTarget(named.target) !== expected) return { kind: 'other', tunnel, named: showTarget(named.target) };
  // The Host header must agree even if the URL already says it.
  const header = readHost(hosts[0], defaultPort);
  if (header.kind !== 'target') return header;
  if (showTarget(header.target) !== expected) return { kind: 'other', tunnel, named: showTarget(header.target) };
  return { kind: 'target', target: tunnel, path: url.startsWith('/') ? url : named.path };
}

function readHost(host: string | undefined, defaultPort: number): RequestTarget {
  const target = parseTarget(host ?? '', defaultPort);
  return target === undefined
    ? { kind: 'invalid', reason: 'its Host header is invalid' }
    : { kind: 'target', target, path: '/' };
}

/** Only the part that names the host is read by us; the rest goes to the host as it is. */
function readAbsolute(url: string): RequestTarget {
  const colon = url.indexOf('://');
  const scheme = url.slice(0, Math.max(colon, 0)).toLowerCase();
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme))
    return { kind: 'invalid', reason: 'this is a proxy, which needs the whole URL' };
  if (scheme === 'https') return { kind: 'invalid', reason: 'a proxy needs CONNECT for https' };
  if (scheme !== 'http') return { kind: 'invalid', reason: 'only http and https pass this proxy' };
  const rest = url.slice(colon + 3);
  const end = rest.search(/[/?#\\]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const path = (end < 0 ? '' : rest.slice(end)).replace(/#.*/s, '');
  if (authority.includes('@')) return { kind: 'invalid', reason: 'its URL has a user name' };
  const target = parseTarget(authority, 80);
  if (target === undefined) return { kind: 'invalid', reason: 'its URL has an invalid host' };
  return {
    kind: 'target',
    target,
    path: path.startsWith('/') ? path : `/${path}`,
  };
}
