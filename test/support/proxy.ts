import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';

/** A proxy that takes CONNECT and absolute URLs, and sends whatever it gets for any host to `port` on loopback. */
export interface TestProxy extends AsyncDisposable {
  url: string;
  /** The targets asked for: `host:port` of CONNECT, or the absolute URL. */
  targets: string[];
}

/** With `refusal`, a status, it refuses every CONNECT. */
export async function startProxy(port: number, { refusal }: { refusal?: number } = {}): Promise<TestProxy> {
  const targets: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    targets.push(request.url ?? '');
    const { pathname, search } = new URL(request.url ?? '');
    const { method, headers } = request;
    const onward = httpRequest({ host: '127.0.0.1', port, path: pathname + search, method, headers }, (answer) => {
      // The client may have gone.
      if (response.destroyed) return void answer.destroy();
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => {});
    });
    pipeline(request, onward, () => {});
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    targets.push(request.url ?? '');
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\n\r\n`);
    const onward = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'));
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => {});
    }
    socket.pipe(onward).pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
