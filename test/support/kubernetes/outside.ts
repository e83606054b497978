/** Servers at the host's address for pods, which report who has reached them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

export interface Outside extends AsyncDisposable {
  port: number;
  /** The addresses that have connected, by TCP or UDP. */
  readonly reachedBy: ReadonlySet<string>;
  /** How many datagrams have arrived. */
  readonly datagrams: number;
  /** The first lines of HTTP requests, each with its headers. */
  readonly requests: readonly string[];
}

/** Answers each HTTP request with "hello from outside", and each datagram with itself. Both have the same port. */
export async function startOutside(host: string): Promise<Outside> {
  const reachedBy = new Set<string>();
  const requests: string[] = [];
  let datagrams = 0;
  const server = createServer((socket) => {
    reachedBy.add(socket.remoteAddress ?? '');
    socket.on('error', () => {});
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      requests.push(head);
      head = '';
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 18\r\nConnection: close\r\n\r\nhello from outside');
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    reachedBy.add(from.address);
    datagrams += 1;
    socket.send(message, from.port, from.address);
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return {
    port,
    reachedBy,
    requests,
    get datagrams() {
      return datagrams;
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      server.close();
    },
  };
}

/**
 * A function of the shell: requests a host from the gateway, as programs do that know proxies. The input of `nc` stays open: at its
 * end, the gateway takes the request for cancelled.
 */
export const viaGateway = (name = 'get') =>
  `${name}() { timeout 40 nc 127.0.0.1 7043 -e sh -c "printf 'GET http://%s/ HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' $1 $1; cat >/tmp/response"; cat /tmp/response; rm -f /tmp/response; echo; }`;
