import type { ServerResponse } from 'node:http';
import type { Logger } from '../../lib/logger.ts';
import { errorBody, HttpError } from './errors.ts';
import { ClientGone } from './live-requests.ts';
import type { Reply } from './route.ts';

const internalError = new HttpError(500, 'InternalError', 'internal error; the log of the server says more');

export async function send(response: ServerResponse, reply: Reply): Promise<void> {
  if ('stream' in reply) return await reply.stream(response);
  if (response.destroyed) return;
  if (reply.body === undefined) {
    response.writeHead(reply.status).end();
    return;
  }
  const body = Buffer.from(JSON.stringify(reply.body));
  const headers = { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' };
  response.writeHead(reply.status, headers).end(body);
}

/** The one place where an error becomes an answer. What is not an HttpError is a bug, and its caller is told no more. */
export function sendError(response: ServerResponse, error: unknown, logger: Logger): void {
  if (error instanceof ClientGone || response.destroyed) return;
  const known = error instanceof HttpError ? error : internalError;
  if (known === internalError) {
    logger.error('a request failed unexpectedly', { error, stack: error instanceof Error ? error.stack : undefined });
  }
  // When the answer has begun, as a stream, ending it makes the client ask again, and then it is told.
  if (response.headersSent) response.end();
  else sendHttpError(response, known);
}

function sendHttpError(response: ServerResponse, error: HttpError): void {
  const body = Buffer.from(JSON.stringify(errorBody(error)));
  // RFC 9110, §11.6.1: a 401 says what would do.
  if (error.status === 401) response.setHeader('www-authenticate', 'APIToken');
  // The rest of a body that is not wanted is not read.
  if (error.status === 413) response.shouldKeepAlive = false;
  response.writeHead(error.status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
