import { systemClock } from '../lib/clock.ts';
import { trimEnd } from '../lib/trim-end.ts';

export interface GithubErrorOptions {
  /** The status of GitHub’s response. For a request that was not sent because it cannot succeed, the status that says why. */
  status?: number | undefined;
  /** When the rate limit ends. */
  retryAt?: Date | undefined;
  origin?: unknown;
  mayBeTooMuch?: boolean | undefined;
  /** Message for the log, if `message` contains request data. */
  forLog?: string | undefined;
}

/**
 * A GitHub request failed. The message is one complete line without the token.
 */
export class GithubError extends Error {
  override readonly name = 'GithubError';
  readonly status: number | undefined;
  readonly retryAt: Date | undefined;
  /** The underlying error. Not `cause`, which would be appended to the message. */
  readonly origin: unknown;
  /** GitHub aborted the request because of its size; a smaller one may succeed. */
  readonly mayBeTooMuch: boolean;
  readonly forLog: string;

  constructor(
    message: string,
    { status, retryAt, origin, mayBeTooMuch = false, forLog = message }: GithubErrorOptions = {},
  ) {
    super(message);
    this.status = status;
    this.retryAt = retryAt;
    this.origin = origin;
    this.mayBeTooMuch = mayBeTooMuch;
    this.forLog = forLog;
  }
}

/** A request that is not sent, because its caller has to change it. */
export function badRequest(message: string, options?: Pick<GithubErrorOptions, 'forLog'>): GithubError {
  return new GithubError(message, { ...options, status: 400 });
}

const reportedStatuses = new Set<number | undefined>([400, 401, 404, 422, 429]);

/** Returns the status from which a server can see whose fault it is: of the caller, of the token, or of a limit. */
export function reportedStatus({ status }: GithubError): number | undefined {
  return reportedStatuses.has(status) ? status : undefined;
}

/** The client was replaced. Repeat the request with the new client. */
export class RetiredClient extends Error {
  override readonly name = 'RetiredClient';
}

/** Prefixes the message of a GithubError with its subject. Returns other errors unchanged. */
export function about(subject: string, error: unknown): unknown {
  if (!(error instanceof GithubError)) return error;
  const { status, retryAt, origin, forLog } = error;
  return new GithubError(`${subject}: ${error.message}`, { status, retryAt, origin, forLog });
}

/** Appends the time of the next possible attempt to the message. */
export function withRetryTime(error: GithubError, waitMs: number): GithubError {
  const retryAt = new Date(Math.ceil((systemClock.date().getTime() + waitMs) / 1000) * 1000);
  const time = retryAt.toISOString().replace('.000', '');
  const inTime = waitMs < 120_000 ? `${Math.ceil(waitMs / 1000)} s` : `${Math.ceil(waitMs / 60_000)} min`;
  const withTime = (text: string) => `${trimEnd(text, '. \n')}. Try again in ${inTime}, at ${time}.`;
  const { status, message, forLog } = error;
  return new GithubError(withTime(message), { status, retryAt, forLog: withTime(forLog) });
}

/** Returns an error in a form that is safe to log, without request data. */
export function loggable(error: unknown): unknown {
  return error instanceof GithubError ? error.forLog : error;
}

const maxMessageLength = 500;

/** Makes foreign text fit for an error message: one line, bounded, without the token. */
export function presentable(text: string, token: string): string {
  const oneLine = text.replaceAll(token, '[redacted]').replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return oneLine.trim().slice(0, maxMessageLength);
}
