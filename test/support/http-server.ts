import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  method: string;
  /** As it came: not decoded. */
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answerer = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

/** A real HTTP server on loopback that remembers what it was asked. */
export interface TestServer extends AsyncDisposable {
  http: Server;
  url: string;
  port: number;
  requests: SeenRequest[];
  /** How many connections there have been. */
  connections: number;
  /** May be replaced at any time. */
  answer: Answerer;
}

export async function startTestServer(answer: Answerer, tls?: { cert: string; key: string }): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, body: await text(request).catch(() => '') };
    requests.push(seen);
    await server.answer(response, seen);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void serve(request, response);
  const http = tls ? createTlsServer(tls, listener) : createServer(listener);
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  const server: TestServer = {
    http,
    url: `http${tls ? 's' : ''}://127.0.0.1:${port}`,
    port,
    requests,
    connections: 0,
    answer,
    [Symbol.asyncDispose]: async () => {
      http.close();
      http.closeAllConnections();
      if (http.listening) await once(http, 'close');
    },
  };
  http.on(tls ? 'secureConnection' : 'connection', () => {
    server.connections += 1;
  });
  return server;
}

/** Sends `body` as JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
