import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../../lib/loopback.ts';
import { misdirected } from './errors.ts';

/**
 * Makes the check that a call of the web page names this server: a stranger's web page can have its own host name resolve to
 * 127.0.0.1 ("DNS rebinding"), and is told from ours by that name. A server that others can reach may have any name.
 * @param listenHost where the server listens
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
    throw misdirected('the web page is not served under this host name; --public-url tells the server another one');
  };
}
