import { RequestError } from '@octokit/request-error';
import type { Connection } from '../config/schema.ts';
import { errorCode } from '../lib/errors.ts';
import { parseRetryAfter } from '../plan42/errors.ts';
import { explainFailure } from '../plan42/http.ts';
import { proxyRefusal } from '../plan42/transport.ts';
import { GithubError, presentable } from './errors.ts';
import { QueryFailure } from './graphql-body.ts';
import { maxWaitMs, type RateLimit, rateLimitOf } from './rate-limit.ts';

/** Whom a call has gone to. */
type AskedConnection = Pick<Connection, 'url'> & { token: string };

/** Why one attempt of a call failed. */
export interface Failure {
  error: GithubError;
  limit?: RateLimit | undefined;
  /** The same call can succeed when it is made again. */
  isTransient: boolean;
  retryAfterMs?: number | undefined;
}

/** Makes sense of what a call throws. Whatever is not a failed call comes out as it is. */
export function failureOf(error: unknown, connection: AskedConnection, now = new Date()): Failure {
  if (error instanceof GithubError) return { error, isTransient: false };
  if (error instanceof QueryFailure) return fromQuery(error, connection, now);
  if (!(error instanceof RequestError)) throw error;
  if (error.response === undefined) return fromNetwork(error.cause, connection);
  const { status } = error;
  const { headers, data } = error.response;
  const bare = isJson(data)
    ? `GitHub answered with status ${status}`
    : `${connection.url.host} answered with status ${status}, not in JSON as GitHub does`;
  const message = presentable(messageOf(data) ?? '', connection.token) || bare;
  const limit = rateLimitOf({ status, headers, message }, now);
  // Others can repeat what was asked for.
  const forLog = limit || status === 401 ? message : bare;
  return {
    // What takes GitHub more than 10 s is ended with one of these.
    error: new GithubError(message, { status, forLog, mayBeTooMuch: status === 502 || status === 504 }),
    limit,
    isTransient: status >= 500,
    retryAfterMs: parseRetryAfter(headers['retry-after']?.toString(), now, maxWaitMs),
  };
}

// GraphQL's way to say that something broke or took too long on GitHub's side has no type.
const brokenQuery = /^Something went wrong while executing your query/;

function fromQuery(error: QueryFailure, { token }: AskedConnection, now: Date): Failure {
  const message = presentable(error.message, token);
  const limit = rateLimitOf({ status: 200, headers: error.headers, message, errorTypes: error.types }, now);
  const isTransient = brokenQuery.test(message);
  const mayBeTooMuch = isTransient || error.types.includes('RESOURCE_LIMITS_EXCEEDED');
  const types = error.types.filter((type) => /^[A-Z_]{1,40}$/.test(type)).slice(0, 10);
  const bare = `GitHub answered with errors${types.length > 0 ? ` (${types.join(', ')})` : ''}`;
  const forLog = limit || isTransient ? message : bare;
  return { error: new GithubError(message, { status: 200, forLog, mayBeTooMuch }), limit, isTransient };
}

// Neither certificates nor what a server speaks get better by asking again.
const lasting = /CERT|SELF_SIGNED|UNABLE_TO|ERR_SSL|EPROTO/;

function fromNetwork(cause: unknown, { url, token }: AskedConnection): Failure {
  if (cause instanceof GithubError) return { error: cause, isTransient: false };
  const code = errorCode(cause) ?? '';
  const reason = tlsReason(code, url.host) ?? presentable(explainFailure(cause), token);
  // A proxy that answers 4xx wants a password, or lets nobody through to this host.
  const isLasting = lasting.test(code) || (proxyRefusal(cause) ?? 500) < 500;
  return { error: new GithubError(`GitHub cannot be reached: ${reason}`, { origin: cause }), isTransient: !isLasting };
}

/** In place of OpenSSL's own text. */
function tlsReason(code: string, host: string): string | undefined {
  if (/ERR_SSL.*ALERT/.test(code)) return `${host} refuses the TLS connection (${code})`;
  if (!/ERR_SSL|EPROTO/.test(code)) return undefined;
  return `what answers at ${host} does not speak TLS (${code}); check scheme and port of the connection’s URL`;
}

function isJson(data: unknown): boolean {
  return typeof data === 'object' && data !== null && !(data instanceof ArrayBuffer);
}

/** GitHub's own message. A proxy's page is no such thing. */
function messageOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('message' in data) || typeof data.message !== 'string') {
    return undefined;
  }
  return [data.message, ...('errors' in data ? detailsOf(data.errors) : [])].join(': ');
}

// Of a 422: what is wrong with which field.
function detailsOf(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    if (typeof error === 'string') return [error];
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
    return typeof message === 'string' ? [message] : [];
  });
}
