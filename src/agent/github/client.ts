import type { Dispatcher } from 'undici';
import { retry } from '../../lib/retry.ts';
import { githubEndpoints } from '../../plan42/github-endpoints.ts';
import { requestJson } from '../http.ts';

/** GitHub, for one connection. */
export interface Github {
  /** With the port, if it has one. */
  host: string;
  /** Rejects with a GithubFailure. */
  rest: (call: GithubCall) => Promise<unknown>;
  /** Rejects with a GithubFailure, also if the response contains errors. */
  query: (query: string, variables: Record<string, unknown>) => Promise<unknown>;
}

export interface GithubCall {
  method?: 'GET' | 'POST' | 'PATCH';
  /** Below the root of the REST API, percent-encoded. */
  path: string;
  body?: unknown;
}

export class GithubFailure extends Error {
  override readonly name = 'GithubFailure';
  /** Undefined without a response. */
  readonly status: number | undefined;
  readonly retryAfterMs: number;

  constructor(message: string, status: number | undefined, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

const backoff = { minMs: 500, maxMs: 10_000 };
const attempts = 5;
const longestRetryAfterMs = 120_000;

export function connectGithub(
  { githubUrl, githubToken }: { githubUrl: string | undefined; githubToken: string },
  { transport, signal }: { transport: Dispatcher; signal?: AbortSignal | undefined },
): Github {
  const url = new URL(githubUrl || 'https://github.com');
  const endpoints = githubEndpoints(url);
  const send = (method: string, target: string, body: unknown) =>
    retry(
      async () => {
        const headers = { authorization: `Bearer ${githubToken}`, 'x-github-api-version': '2022-11-28' };
        const response = await requestJson(transport, { method, url: target, headers, body, signal }).catch(
          (error: unknown) => {
            throw new GithubFailure(`cannot reach ${url.host}: ${(error as Error).message}`, undefined);
          },
        );
        if (response.status >= 300) throw failureOf(response);
        return response.body;
      },
      { backoff, maxAttempts: attempts, signal, shouldRetry: (error) => isTransient(error, method) },
    );
  return {
    host: url.host,
    rest: ({ method = 'GET', path, body }) => send(method, endpoints.rest + path, body),
    query: async (query, variables) => {
      const { data, errors } = (await send('POST', endpoints.graphql, { query, variables })) as {
        data?: unknown;
        errors?: { message?: string }[];
      };
      if (errors?.[0] !== undefined) throw new GithubFailure(errors[0].message ?? 'the query failed', 200);
      return data;
    },
  };
}

// A POST without a response may have had its effect, which the caller finds out.
function isTransient(error: unknown, method: string): boolean {
  if (!(error instanceof GithubFailure)) return false;
  const { status, retryAfterMs } = error;
  if (retryAfterMs > longestRetryAfterMs) return false;
  if (retryAfterMs > 0) return true;
  if (status === undefined || status >= 500) return method !== 'POST';
  return status === 429;
}

function failureOf({ status, body, headers }: { status: number; body: unknown; headers: Record<string, unknown> }) {
  const { message, errors } = body as { message?: unknown; errors?: { message?: unknown }[] };
  const details = Array.isArray(errors)
    ? errors.flatMap(({ message }) => (message === undefined ? [] : [message]))
    : [];
  const text = [message ?? `HTTP ${status}`, ...details].map(String).join(': ').slice(0, 500);
  const retryAfterMs = Number(headers['retry-after']) * 1000;
  return new GithubFailure(text, status, retryAfterMs > 0 ? retryAfterMs : 0);
}
