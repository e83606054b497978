import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { ListenAddress } from '../../../server/http/listener.ts';

/**
 * Parses `127.0.0.1:7042`, `[::1]:7042`, `localhost:7042`, or a port alone, which means 127.0.0.1.
 * @throws InvalidArgumentError
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(?<host>[^[\]:\s]+|\[[\da-fA-F:.]+\]):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port'] ?? Number.NaN);
  const host = (match?.groups?.['host'] ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1');
  const isBracketed = text.startsWith('[');
  if (match === null || port > 65_535 || (isBracketed && isIP(host) !== 6)) {
    throw new InvalidArgumentError('It must be host:port, such as 127.0.0.1:7042 or [::1]:7042.');
  }
  return { host, port };
}

/** The address in the notation of a URL. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
