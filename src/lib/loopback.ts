import { isIP } from 'node:net';

/** Whether only programs on this machine can reach `host`, a name or an address. IPv6 may be in brackets, as in URLs. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || (isIP(host) === 4 && host.startsWith('127.'));
}
