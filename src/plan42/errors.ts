import * as v from 'valibot';
import { systemClock } from '../lib/clock.ts';
import { describeDuration } from '../lib/format-duration.ts';
import { tryParseJson } from '../lib/json.ts';
import { knownFields } from './fields.ts';

/** The server responded with a 4xx or 5xx status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly errorType: string | undefined;
  /** The server's own text. */
  readonly detail: string | undefined;
  /** The sentence at the end of the server's text that says what to do. Only our server sends it. */
  readonly remedy: string | undefined;
  /** How far the date of this machine was ahead of the server's. */
  readonly clockAheadMs: number | undefined;
  readonly method: string;
  readonly path: string;
  /** Whether the body is an error of the API, and not a proxy's page, for example. */
  readonly isFromApi: boolean;
  /** `Retry-After` in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The type of `current`. Only for a 409. */
  readonly currentType: string | undefined;
  /** The object in its current version. Only for a 409. */
  readonly current: unknown;

  constructor(call: { method: string; path: string }, response: ErrorResponse) {
    super(`${call.method} ${call.path}: ${response.status}${response.message ? ` ${response.message}` : ''}`);
    this.status = response.status;
    this.errorType = response.errorType;
    this.detail = response.message;
    this.remedy = response.remedy;
    this.clockAheadMs = response.clockAheadMs;
    this.method = call.method;
    this.path = call.path;
    this.isFromApi = response.isFromApi;
    this.retryAfterMs = response.retryAfterMs;
    this.currentType = response.currentType;
    this.current = response.current;
  }
}

/** Returns the server's text without the remedy at its end, for callers that have their own. */
export function reasonOf({ detail, remedy }: Pick<ApiError, 'detail' | 'remedy'>): string | undefined {
  const end = `. ${remedy}`;
  return remedy !== undefined && detail?.endsWith(end) ? detail.slice(0, -end.length) : detail;
}

/** Returns the current object in a conflict, or undefined for any other error and any other object. */
export function currentOf<const Schema extends v.GenericSchema>(
  error: unknown,
  schema: Schema,
): v.InferOutput<Schema> | undefined {
  if (!(error instanceof ApiError) || error.status !== 409) return undefined;
  const current = v.safeParse(schema, error.current);
  return current.success ? current.output : undefined;
}

/** There is no usable response: the connection failed, broke or timed out, or the response is invalid. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly method: string;
  readonly path: string;

  constructor(call: { method: string; path: string }, message: string, options?: ErrorOptions) {
    super(`${call.method} ${call.path}: ${message}`, options);
    this.method = call.method;
    this.path = call.path;
  }
}

/** The call cannot be sent because of its own content, such as a token with a line break. No retry can help. */
export class UnsendableError extends Error {
  override readonly name = 'UnsendableError';
  readonly method: string;
  readonly path: string;

  constructor(call: { method: string; path: string }, reason: string, options?: ErrorOptions) {
    super(`${call.method} ${call.path}: cannot be sent: ${reason}`, options);
    this.method = call.method;
    this.path = call.path;
  }
}

interface ErrorResponse {
  status: number;
  isFromApi: boolean;
  message?: string | undefined;
  remedy?: string | undefined;
  errorType?: string | undefined;
  retryAfterMs?: number | undefined;
  clockAheadMs?: number | undefined;
  currentType?: string | undefined;
  current?: unknown;
}

const ErrorBody = knownFields({
  Message: v.nullish(v.string()),
  ErrorType: v.nullish(v.string()),
  Remedy: v.nullish(v.string()),
  CurrentType: v.nullish(v.string()),
  Current: v.nullish(v.unknown()),
});

const maxMessageLength = 500;

/** For errors of a proxy, whose own text is a page. */
const proxyMessages: Readonly<Record<number, string>> = {
  413: 'a proxy in front of the server rejected the request as too large',
  504: 'a proxy got no response from the server in time',
};

/** Reads the error in a failed response. Accepts any body, such as a proxy's HTML page. */
export function parseErrorResponse(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: string,
  now = systemClock.date(),
): ErrorResponse {
  const serverNow = parseHttpDate(headers['date']);
  const times = {
    // By the server's clock, because the one of this machine may be wrong.
    retryAfterMs: parseRetryAfter(headers['retry-after'], serverNow ?? now),
    clockAheadMs: serverNow && now.getTime() - serverNow.getTime(),
  };
  const parsed = v.safeParse(ErrorBody, tryParseJson(body));
  if (!parsed.success) return { status, isFromApi: false, message: proxyMessages[status], ...times };
  const { Message, ErrorType, Remedy, CurrentType, Current } = parsed.output;
  return {
    status,
    isFromApi: typeof Message === 'string' || typeof ErrorType === 'string',
    ...times,
    message: Message?.slice(0, maxMessageLength),
    remedy: Remedy?.slice(0, maxMessageLength),
    errorType: ErrorType ?? undefined,
    currentType: CurrentType ?? undefined,
    current: Current ?? undefined,
  };
}

// By then the server has deleted a queue that is not polled, and timers cannot wait longer than 24 days.
const maxRetryAfterMs = 5 * 60_000;

/** Parses `Retry-After` (RFC 9110, §10.2.3), seconds or an HTTP date, to milliseconds, at most `maxMs`. */
export function parseRetryAfter(
  header: string | string[] | undefined,
  now = systemClock.date(),
  maxMs = maxRetryAfterMs,
): number | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+$/.test(value)) return Math.min(maxMs, Number(value) * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.min(maxMs, Math.max(0, date - now.getTime()));
}

/** Parses a `Date` header. */
export function parseHttpDate(header: string | string[] | undefined): Date | undefined {
  const time = Date.parse(String(header));
  return Number.isNaN(time) ? undefined : new Date(time);
}

// A date header has whole seconds and has travelled.
const tolerableSkewMs = 60_000;

/** Returns how wrong the clocks are, as in "the clock of this machine is 10 minutes ahead of the server’s"; undefined if they agree. */
export function describeSkew({ clockAheadMs = 0 }: Pick<ApiError, 'clockAheadMs'>): string | undefined {
  if (Math.abs(clockAheadMs) <= tolerableSkewMs) return undefined;
  const duration = describeDuration(Math.abs(clockAheadMs), Math.round);
  return `the clock of this machine is ${duration} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the server’s`;
}

/** Returns whether a retry may succeed: after network failures, 429 and 5xx. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  return error instanceof ConnectionError;
}

/** Returns whether the server rejected the token. */
export function isAuthError(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
