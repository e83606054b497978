/** The port of a gateway's pod that the job's pod must not reach: it answers whatever reaches it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Resolves when it listens for TCP and for UDP, by IPv4 and by IPv6 where the pod has these. */
export async function openClosedPort(port: number): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.destroy();
  });
  stack.defer(() => void server.close());
  server.listen(port);
  await once(server, 'listening');
  const families = new Set(
    Object.values(networkInterfaces())
      .flat()
      .map((each) => each?.family),
  );
  for (const [family, type] of [
    ['IPv4', 'udp4'],
    ['IPv6', 'udp6'],
  ] as const) {
    if (!families.has(family)) continue;
    const socket = createSocket({ type, ...(type === 'udp6' && { ipv6Only: true }) });
    stack.defer(() => void socket.close());
    socket.on('error', () => {});
    // As long as what arrived, so that it multiplies nothing.
    socket.on('message', (message, { address, port }) => socket.send(message, port, address));
    socket.bind(port);
    await once(socket, 'listening');
  }
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
