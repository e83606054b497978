import type { ServerResponse } from 'node:http';
import { environmentFailure } from '../../lib/environment-failure.ts';
import type { Logger } from '../../lib/logger.ts';
import { inSources } from '../../lib/source-positions.ts';
import { errorReply, HttpError, MethodNotAllowed, unavailable } from './errors.ts';
import { ClientGone } from './live-requests.ts';
import type { Reply } from './route.ts';

const internalError = new HttpError(500, 'InternalError', 'internal error; see the log of the server');

export async function send(response: ServerResponse, reply: Reply): Promise<void> {
  if ('stream' in reply) {
    if (response.req.method !== 'HEAD') return await reply.stream(response);
    response.writeHead(reply.status, { 'cache-control': 'no-store', ...reply.headers }).end();
    return;
  }
  if (response.destroyed) return;
  if (reply.body === undefined) {
    response.writeHead(reply.status).end();
    return;
  }
  response.setHeader('cache-control', 'no-store');
  sendJson(response, reply.status, reply.body);
}

/** The one place where an error becomes a response. An unknown error is a bug: it is logged, and its caller gets a 500. */
export function sendError(response: ServerResponse, error: unknown, logger: Logger): void {
  const reply = replyTo(response, error, logger);
  if (!reply) return;
  // RFC 9110, §11.6.1: a 401 names the accepted scheme.
  if (reply.status === 401) response.setHeader('www-authenticate', 'APIToken');
  if (error instanceof MethodNotAllowed) response.setHeader('allow', error.allowed.join(', '));
  // RFC 7694: a 415 names the accepted codings.
  if (reply.status === 415) response.setHeader('accept-encoding', 'identity');
  // The rest of a body that is refused is not read.
  if ([413, 415, 417].includes(reply.status)) response.shouldKeepAlive = false;
  sendJson(response, reply.status, reply.body);
}

/** Like {@link sendError}, for git: it sends credentials only after a 401 that asks for them, and prints plain text. */
export function sendGitError(response: ServerResponse, error: unknown, logger: Logger): void {
  const reply = replyTo(response, error, logger);
  if (!reply) return;
  if (reply.status === 401) response.setHeader('www-authenticate', 'Basic realm="Plan42"');
  // Its body may be a large push, which is not read.
  response.shouldKeepAlive = false;
  response.writeHead(reply.status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${reply.body.Message}\n`);
}

/** Returns the reply, or undefined if there is nothing more to send. */
function replyTo(response: ServerResponse, error: unknown, logger: Logger): ReturnType<typeof errorReply> {
  if (error instanceof ClientGone || response.destroyed) return undefined;
  let reply = errorReply(error);
  if (!reply && environmentFailure(error) !== undefined) {
    logger.error('request failed', { error });
    reply = errorReply(unavailable('the server cannot process the request at the moment; see its log'));
  }
  if (!reply) {
    const stack = error instanceof Error ? inSources(error.stack ?? '') : undefined;
    logger.error('request failed unexpectedly', { error, stack });
    reply = errorReply(internalError);
  }
  if (!response.headersSent) return reply;
  // A stream that has begun is ended: the client then repeats the call and gets the error.
  response.end();
  return undefined;
}

function sendJson(response: ServerResponse, status: number, content: unknown): void {
  const body = Buffer.from(JSON.stringify(content));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
