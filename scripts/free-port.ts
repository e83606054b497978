import { once } from 'node:events';
import { createServer } from 'node:net';

/** Returns a loopback port that is currently free, for programs that take their port as an argument. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}
