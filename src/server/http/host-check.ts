import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../../lib/loopback.ts';
import { misdirected } from './errors.ts';

/**
 * Returns a check of the Host header against DNS rebinding: a hostile web page can make its own host name resolve to
 * 127.0.0.1, but the header still has that name. A server that is not on loopback may have any name.
 * @param listenHost the address that the server listens on
 */
export function createHostCheck(
  listenHost: string,
  publicUrl: string | undefined,
): (headers: IncomingHttpHeaders) => void {
  if (!isLoopback(listenHost)) return () => {};
  const publicName = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;
  return ({ host }) => {
    const name = URL.parse(`http://${host ?? ''}`)?.hostname.replace(/^\[(.*)\]$/, '$1');
    if (name !== undefined && (isLoopback(name) || name.endsWith('.localhost') || name === publicName)) return;
    throw misdirected('the web page is not served under this host name; allow it with --public-url');
  };
}
