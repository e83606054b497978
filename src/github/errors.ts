export interface GithubErrorOptions {
  /** Of the answer, if there was one. */
  status?: number | undefined;
  /** When a call can succeed again, as GitHub's rate limit says. */
  retryAt?: Date | undefined;
  origin?: unknown;
  mayBeTooMuch?: boolean | undefined;
  /** What a log may tell, where the message has words of the request in it. */
  forLog?: string | undefined;
}

/**
 * GitHub could not be asked, or did not do what it was asked. The message is one line that says everything, and never holds
 * the token.
 */
export class GithubError extends Error {
  override readonly name = 'GithubError';
  readonly status: number | undefined;
  readonly retryAt: Date | undefined;
  /** What the connection failed with, for finding out more. No `cause`, which would be told after the message once more. */
  readonly origin: unknown;
  /** GitHub gave up on the call; one that asks for less may succeed. */
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

/** The connection has another client now, which the call can be made with. */
export class RetiredClient extends Error {
  override readonly name = 'RetiredClient';
}

/** The same error, with what it is about before its message. Others stay as they are. */
export function about(subject: string, error: unknown): unknown {
  if (!(error instanceof GithubError)) return error;
  const { status, retryAt, origin, forLog } = error;
  return new GithubError(`${subject}: ${error.message}`, { status, retryAt, origin, forLog });
}

/** The same error, with when to try again after its message. */
export function withRetryTime(error: GithubError, waitMs: number): GithubError {
  const retryAt = new Date(Math.ceil((Date.now() + waitMs) / 1000) * 1000);
  const time = retryAt.toISOString().replace('.000', '');
  const inTime = waitMs < 120_000 ? `${Math.ceil(waitMs / 1000)} s` : `${Math.ceil(waitMs / 60_000)} min`;
  const withTime = (text: string) => `${text.replace(/[.\s]*$/, '')}. Try again in ${inTime}, at ${time}.`;
  const { status, message, forLog } = error;
  return new GithubError(withTime(message), { status, retryAt, forLog: withTime(forLog) });
}

/** What a log may tell of an error: nothing of the request, which is its sender's business. */
export function loggable(error: unknown): unknown {
  return error instanceof GithubError ? error.forLog : error;
}

const maxMessageLength = 500;

/** Text from elsewhere, fit for an error: one line, not endless, and without the token, should somebody echo it. */
export function presentable(text: string, token: string): string {
  const oneLine = text.replaceAll(token, '[redacted]').replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return oneLine.trim().slice(0, maxMessageLength);
}
