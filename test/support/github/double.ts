import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Answerer, type SeenRequest, sendJson, startTestServer, type TestServer } from '../http-server.ts';
import type { QueryCost } from './cost.ts';
import { answerQuery } from './graphql.ts';
import { answerRest } from './rest.ts';
import { type GithubState, makeState, type RestAnswer } from './state.ts';

export interface DoubleOptions {
  state?: Partial<GithubState>;
  /** Below which an Enterprise server has its REST API, as in `/github`. */
  basePath?: string;
  /** Be the public GitHub, whose API has a host of its own. */
  isPublic?: boolean;
  tls?: { cert: string; key: string };
}

/** A GitHub over real HTTP. */
export interface GithubDouble extends AsyncDisposable {
  server: TestServer;
  state: GithubState;
  /** For the configuration: the connection's URL. */
  url: string;
  requests: SeenRequest[];
  /** Costs of the GraphQL queries, in order. */
  costs: QueryCost[];
  /** For the next requests, one each, instead of the true answers. */
  faults: Answerer[];
  /** For every request, when there are no `faults`. */
  everyAnswer: Answerer | undefined;
}

export async function startGithub(options: DoubleOptions = {}): Promise<GithubDouble> {
  const { basePath = '', isPublic = false, tls } = options;
  const rest = isPublic ? '' : `${basePath}/api/v3`;
  const graphql = isPublic ? '/graphql' : '/api/graphql';
  const state = makeState(options.state);

  const answer: Answerer = async (response, request) => {
    const fault = double.faults.shift() ?? double.everyAnswer;
    if (fault) return fault(response, request);
    if (request.headers.authorization !== `Bearer ${state.token}`) {
      return sendJson(response, 401, { message: 'Bad credentials', documentation_url: 'https://docs', status: '401' });
    }
    if (request.url === graphql && request.method === 'POST') return sendQueryAnswer(response, request);
    const { pathname, searchParams } = new URL(request.url, server.url);
    const path = pathname.slice(rest.length);
    const isRest = pathname.startsWith(`${rest}/`);
    const none: RestAnswer = { status: 404, body: { message: 'Not Found' } };
    send(response, request, isRest ? answerRest(state, path, searchParams, server.url + request.url, request) : none);
  };

  async function sendQueryAnswer(response: ServerResponse, { body }: SeenRequest): Promise<void> {
    const { query, variables = {} } = JSON.parse(body) as { query: string; variables?: Record<string, unknown> };
    const { body: result, cost } = await answerQuery(state, query, variables);
    if (cost) double.costs.push(cost);
    state.quota -= cost?.points ?? 0;
    sendJson(response, 200, result, quotaHeaders());
  }

  function send(response: ServerResponse, request: SeenRequest, { status, body, headers = {} }: RestAnswer): void {
    // With the headers, because the last page has the same body when another one follows it, but another link.
    const text = JSON.stringify({ body, headers });
    const etag = `W/"${createHash('sha256').update(text).digest('hex')}"`;
    if (status === 200 && request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag, ...quotaHeaders() }).end();
      return;
    }
    if (state.quota <= 0) {
      sendJson(response, 403, { message: 'API rate limit exceeded for user ID 1.' }, quotaHeaders());
      return;
    }
    state.quota -= 1;
    sendJson(response, status, body, { ...(status === 200 && { etag }), ...headers, ...quotaHeaders() });
  }

  const quotaHeaders = () => ({
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': String(state.quota),
    'x-ratelimit-reset': String(state.resetAt),
  });

  const server = await startTestServer(answer, tls);
  const double: GithubDouble = {
    server,
    state,
    url: server.url + basePath,
    requests: server.requests,
    costs: [],
    faults: [],
    everyAnswer: undefined,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return double;
}
