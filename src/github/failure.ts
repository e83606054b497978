import { RequestError } from '@octokit/request-error';
import type { Connection } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { errorCode } from '../lib/errors.ts';
import { parseRetryAfter } from '../plan42/errors.ts';
import { explainFailure } from '../plan42/http.ts';
import { proxyRefusal } from '../plan42/transport.ts';
import { GithubError, presentable } from './errors.ts';
import { QueryFailure } from './graphql-body.ts';
import { maxWaitMs, type RateLimit, rateLimitOf } from './rate-limit.ts';

type ConnectionWithToken = Pick<Connection, 'url'> & { token: string };

/** Why one attempt failed. */
export interface Failure {
  error: GithubError;
  limit?: RateLimit | undefined;
  /** A retry may succeed. */
  isTransient: boolean;
  retryAfterMs?: number | undefined;
}

/** Interprets the error of a request. @throws the error itself if it is not a failed request */
export function failureOf(error: unknown, connection: ConnectionWithToken, now = systemClock.date()): Failure {
  if (error instanceof GithubError) return { error, isTransient: false };
  if (error instanceof QueryFailure) return fromQuery(error, connection, now);
  if (!(error instanceof RequestError)) throw error;
  if (error.response === undefined) return fromNetwork(error.cause, connection);
  const { status } = error;
  const { headers, data } = error.response;
  const bare = isJson(data)
    ? `GitHub responded with status ${status}`
    : `${connection.url.host} responded with status ${status} and no JSON, unlike GitHub`;
  const message = presentable(messageOf(data) ?? '', connection.token) || bare;
  const limit = rateLimitOf({ status, headers, message }, now);
  // Other messages may contain request data.
  const forLog = limit || status === 401 ? message : bare;
  return {
    // GitHub returns these statuses for requests that take longer than 10 s.
    error: new GithubError(message, { status, forLog, mayBeTooMuch: status === 502 || status === 504 }),
    limit,
    isTransient: status >= 500,
    retryAfterMs: parseRetryAfter(headers['retry-after']?.toString(), now, maxWaitMs),
  };
}

// GraphQL errors on GitHub's side have no type.
const brokenQuery = /^Something went wrong while executing your query/;

function fromQuery(error: QueryFailure, { token }: ConnectionWithToken, now: Date): Failure {
  const message = presentable(error.message, token);
  const limit = rateLimitOf({ status: 200, headers: error.headers, message, errorTypes: error.types }, now);
  const isTransient = brokenQuery.test(message);
  const mayBeTooMuch = isTransient || error.types.includes('RESOURCE_LIMITS_EXCEEDED');
  const types = error.types.filter((type) => /^[A-Z_]{1,40}$/.test(type)).slice(0, 10);
  const bare = `GitHub responded with errors${types.length > 0 ? ` (${types.join(', ')})` : ''}`;
  const forLog = limit || isTransient ? message : bare;
  return { error: new GithubError(message, { status: 200, forLog, mayBeTooMuch }), limit, isTransient };
}

// Certificate and protocol errors do not go away by retrying, nor does a request that cannot be sent.
const permanent = /CERT|SELF_SIGNED|UNABLE_TO|ERR_SSL|EPROTO|^UND_ERR_(INVALID_ARG|NOT_SUPPORTED)|^ERR_INVALID/;

function fromNetwork(cause: unknown, { url, token }: ConnectionWithToken): Failure {
  if (cause instanceof GithubError) return { error: cause, isTransient: false };
  const code = errorCode(cause) ?? '';
  const reason = tlsReason(code, url.host) ?? presentable(explainFailure(cause), token);
  // A proxy that responds with 4xx requires a password or blocks this host.
  const isPermanent = permanent.test(code) || (proxyRefusal(cause) ?? 500) < 500;
  return { error: new GithubError(`cannot reach GitHub: ${reason}`, { origin: cause }), isTransient: !isPermanent };
}

/** Replaces OpenSSL's own text. */
function tlsReason(code: string, host: string): string | undefined {
  if (/^ERR_SSL.*ALERT/.test(code)) return `${host} rejects the TLS connection (${code})`;
  if (!/ERR_SSL|EPROTO/.test(code)) return undefined;
  return `${host} does not speak TLS (${code}); check scheme and port of the connection’s URL`;
}

function isJson(data: unknown): boolean {
  return typeof data === 'object' && data !== null && !(data instanceof ArrayBuffer);
}

/** Returns GitHub's message; undefined for other bodies, such as a proxy's page. */
function messageOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('message' in data) || typeof data.message !== 'string') {
    return undefined;
  }
  return [data.message, ...('errors' in data ? detailsOf(data.errors) : [])].join(': ');
}

// Details of a 422 response.
function detailsOf(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    if (typeof error === 'string') return [error];
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
    return typeof message === 'string' ? [message] : [];
  });
}
