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
  response.writeHead(status, phraseOf(status, text), { ...textHeaders(text), Connection: 'close' }).end(text);
}

/**
 * Programs that ignore the body of a refused CONNECT show this phrase: pip, apt and go do. So it has the first sentence of the
 * body, without characters that a header must not have.
 */
function phraseOf(status: number, text: string): string {
  const [sentence = ''] = text.trimEnd().split(/\. |\n/, 1);
  const shown = sentence.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, maxPhraseLength);
  return `${phrases[status] ?? 'Error'} (${shown})`;
}

const maxPhraseLength = 400;

/** Responds on a socket that no longer belongs to the server, and closes it. */
export function respondRaw(client: Socket, status: number, text: string): void {
  const headers = Object.entries({ ...textHeaders(text), Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  if (!client.destroyed) client.end(`HTTP/1.1 ${status} ${phraseOf(status, text)}\r\n${headers.join('')}\r\n${text}`);
  // A client that does not close its side must not keep the connection.
  client.resume();
  setTimeout(() => client.destroy(), closeMs).unref();
}

const closeMs = 1000;

const textHeaders = (text: string) => ({
  'Content-Type': 'text/plain; charset=utf-8',
  'Content-Length': Buffer.byteLength(text),
});
