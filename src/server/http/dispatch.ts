import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../lib/logger.ts';
import type { Clock } from '../core/time.ts';
import { authorise } from './authorisation.ts';
import { readJson } from './body.ts';
import type { LiveRequests } from './live-requests.ts';
import type { Principal } from './principal.ts';
import { send, sendError } from './reply.ts';
import type { Match } from './router.ts';

interface DispatchParts {
  findRoute: (method: string, rawPath: string) => Match;
  authenticate: (headers: IncomingMessage['headers']) => Principal;
  /** Throws if the web page must not be served under the name that was called. */
  checkHost: (headers: IncomingMessage['headers']) => void;
  /** Answers if the path is a file of the web page. */
  sendPageFile: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>;
  liveRequests: LiveRequests;
  clock: Clock;
  logger: Logger;
}

const neverAborted = new AbortController().signal;

/** Answers requests, each with the reply of its route or with the error that was thrown. Never rejects. */
export function createDispatcher(
  parts: DispatchParts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { logger } = parts;
  return async (request, response) => {
    const startedAt = performance.now();
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    try {
      await serve({ request, response, path, query: new URLSearchParams(query) }, parts);
    } catch (error) {
      sendError(response, error, logger.with({ method: request.method, path }));
    }
    const status = response.writableEnded ? response.statusCode : 'gone';
    logger.debug('request', { method: request.method, path, status, ms: Math.round(performance.now() - startedAt) });
  };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** As it was sent: percent-encoded. */
  path: string;
  query: URLSearchParams;
}

async function serve({ request, response, path, query }: Exchange, parts: DispatchParts): Promise<void> {
  const method = request.method ?? '';
  if (!path.startsWith('/v1/')) {
    parts.checkHost(request.headers);
    if (await parts.sendPageFile(request, response, path)) return;
  }
  const { route, params } = parts.findRoute(method, path);
  const principal = parts.authenticate(request.headers);
  authorise(principal, route, params);
  const json = method === 'GET' ? undefined : await readJson(request);
  using live = route.waits ? parts.liveRequests.track(principal, response, parts.clock()) : undefined;
  const signal = live?.signal ?? neverAborted;
  const reply = await route.handle({ params, query, headers: request.headers, principal, json, signal });
  await send(response, reply);
}
