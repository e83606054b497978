import { once } from 'node:events';
import type { Server } from 'node:net';
import { errorCode } from './errors.ts';

/**
 * Resolves when the server listens. The address `::` stands for all addresses of the machine, with those of IPv4, and for these
 * alone if it has no IPv6.
 */
export async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    const isWithoutIpv6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(errorCode(error) ?? '');
    if (host !== '::' || !isWithoutIpv6) throw error;
    await once(server.listen({ host: '0.0.0.0', port }), 'listening');
  }
}
