/** Responses of the gateway itself, in place of those of a host. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const phrases: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

export function respond(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // The rest of an unread body would be read as the next request.
  response.writeHead(status, { ...textHeaders(text), Connection: 'close' }).end(text);
}

/** Responds on a socket that no longer belongs to the server, and closes it. */
export function respondRaw(client: Socket, status: number, text: string): void {
  const headers = Object.entries({ ...textHeaders(text), Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  if (!client.destroyed)
    client.end(`HTTP/1.1 ${status} ${phrases[status] ?? 'Error'}\r\n${headers.join('')}\r\n${text}`);
  // A client that does not close its side must not keep the connection.
  client.resume();
  setTimeout(() => client.destroy(), closeMs).unref();
}

const closeMs = 1000;

const textHeaders = (text: string) => ({
  'Content-Type': 'text/plain; charset=utf-8',
  'Content-Length': Buffer.byteLength(text),
});
