import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Activity } from '../core/activity.ts';
import { authorise } from './access.ts';
import { parseJsonBody, readBody } from './body.ts';
import { badRequest, HttpError, MethodNotAllowed } from './errors.ts';
import type { LiveRequests } from './live-requests.ts';
import { send, sendError, sendGitError } from './reply.ts';
import type { Principal, RouteOptions } from './route.ts';
import type { Match } from './router.ts';

interface DispatchDeps {
  findRoute: (method: string, rawPath: string) => Match;
  authenticate: (
    headers: IncomingMessage['headers'],
    query: URLSearchParams,
    route: Pick<RouteOptions, 'forGit' | 'forContent'>,
  ) => Principal;
  /** @throws if the principal has signed another request */
  checkSignature: (principal: Principal, route: RouteOptions, request: IncomingMessage, body: Uint8Array) => void;
  /** @throws if the web page must not be served under the requested host name */
  checkHost: (headers: IncomingMessage['headers']) => void;
  /** The files of the web page. */
  pageFiles: {
    isFile: (path: string) => boolean;
    send: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>;
  };
  sendHealth: (response: ServerResponse) => void;
  liveRequests: LiveRequests;
  activity: Activity;
  clock: Clock;
  logger: Logger;
}

/** For monitors, without authentication. */
export const healthPath = '/health';

const readMethods = ['GET', 'HEAD'];
const emptyBody = Buffer.alloc(0);
const neverAborted = new AbortController().signal;

/** Returns a handler that responds with the reply of the route or with its error. Never rejects. */
export function createDispatcher(
  deps: DispatchDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { logger } = deps;
  return async (request, response) => {
    const startedAt = systemClock.now();
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    try {
      await serve({ request, response, path, query: new URLSearchParams(query) }, deps);
    } catch (error) {
      const fields = logger.with({ method: request.method, path });
      if (error instanceof GitRouteError) sendGitError(response, error.cause, fields);
      else sendError(response, error, fields);
    }
    const status = response.writableEnded ? response.statusCode : 'gone';
    logger.debug('request', {
      method: request.method,
      path,
      status,
      duration_ms: Math.round(systemClock.now() - startedAt),
    });
  };
}

interface RawRequest {
  request: IncomingMessage;
  response: ServerResponse;
  /** Still percent-encoded. */
  path: string;
  query: URLSearchParams;
}

async function serve({ request, response, path, query }: RawRequest, deps: DispatchDeps): Promise<void> {
  const method = request.method ?? '';
  requireKnownTerms(request);
  const isFile = deps.pageFiles.isFile(path);
  if ((path === healthPath || isFile) && !readMethods.includes(method)) throw new MethodNotAllowed(method, readMethods);
  if (path === healthPath) return deps.sendHealth(response);
  if (!path.startsWith('/v1/')) {
    deps.checkHost(request.headers);
    if (isFile) return deps.pageFiles.send(request, response, path);
  }
  const { route, params } = deps.findRoute(method, path);
  const respond = async () => {
    const principal = deps.authenticate(request.headers, query, route);
    authorise(principal, route, params);
    using _ = principal.kind === 'tenant' ? deps.activity.begin() : undefined;
    const body = route.method === 'GET' || route.forGit || route.forContent ? emptyBody : await readBody(request);
    deps.checkSignature(principal, route, request, body);
    const json = parseJsonBody(body);
    using live = route.waits ? deps.liveRequests.track(principal, response, deps.clock.date()) : undefined;
    const signal = live?.signal ?? neverAborted;
    const { headers } = request;
    const reply = await route.handle({ params, query, headers, principal, json, incoming: request, signal });
    await send(response, reply);
  };
  await (route.forGit ? respond().catch(throwGitRouteError) : respond());
}

/** Node.js itself would respond without a body that clients can read. @throws HttpError 400 or 417 */
function requireKnownTerms({ headers, httpVersion }: IncomingMessage): void {
  if (headers.host === undefined && httpVersion === '1.1') throw badRequest('the request has no Host header');
  const { expect } = headers;
  if (expect === undefined || expect.toLowerCase() === '100-continue') return;
  throw new HttpError(417, 'ExpectationFailed', 'the server meets no Expect header but 100-continue; leave it out');
}

/** An error for git, which cannot read those of the API. */
class GitRouteError extends Error {}

function throwGitRouteError(cause: unknown): never {
  throw new GitRouteError('git request failed', { cause });
}
