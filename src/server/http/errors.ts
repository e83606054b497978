import { DomainError, type RejectionKind, RequestError } from '../core/errors.ts';
import { SecretError } from '../store/secret-key.ts';
import { StorageError } from '../store/storage-health.ts';

/** A call that is rejected before or outside the core. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Stable, unlike the message. */
  readonly errorType: string;
  /** A sentence that follows the message. */
  readonly remedy: string | undefined;

  constructor(status: number, errorType: string, message: string, remedy?: string) {
    super(message);
    this.status = status;
    this.errorType = errorType;
    this.remedy = remedy;
  }
}

/** The path exists, but not for this method. RFC 9110, §15.5.6: the response names the methods that it has. */
export class MethodNotAllowed extends HttpError {
  readonly allowed: readonly string[];

  constructor(method: string, allowed: readonly string[]) {
    super(405, 'MethodNotAllowed', `the method ${method} is not allowed here; use ${allowed.join(' or ')}`);
    this.allowed = allowed;
  }
}

export const badRequest = (message: string) => new HttpError(400, 'BadRequest', message);
export const unauthorized = (message: string, remedy?: string) => new HttpError(401, 'Unauthorized', message, remedy);
export const forbidden = (message: string) => new HttpError(403, 'Forbidden', message);
export const misdirected = (message: string) => new HttpError(421, 'MisdirectedRequest', message);
export const notImplemented = (message: string) => new HttpError(501, 'NotImplemented', message);
export const badGateway = (message: string) => new HttpError(502, 'BadGateway', message);
export const unavailable = (message: string) => new HttpError(503, 'ServiceUnavailable', message);

const rejections: Record<RejectionKind, { status: number; errorType: string }> = {
  invalid: { status: 400, errorType: 'BadRequest' },
  notFound: { status: 404, errorType: 'NotFound' },
  conflict: { status: 409, errorType: 'Conflict' },
  turnFinished: { status: 409, errorType: 'UpdateCompletedTurn' },
  tooLarge: { status: 413, errorType: 'ContentTooLarge' },
};

/** The status of a request to a runner that got no usable response. */
export const requestFailures: Record<RequestError['reason'], { status: number; errorType: string }> = {
  undelivered: { status: 504, errorType: 'GatewayTimeout' },
  unanswered: { status: 504, errorType: 'GatewayTimeout' },
  unreadable: { status: 502, errorType: 'BadGateway' },
  tooLarge: { status: 413, errorType: 'ContentTooLarge' },
};

// The Go client cannot parse a conflict that carries a current object of this type, and loses the whole error.
const typesWithoutCurrent = new Set(['RunnerToken']);
// It does not know these, and loses the error as well if they are named. It ignores an object without a type.
const unnamedTypes = new Set(['SubAgent', 'Message']);

interface ErrorBody {
  ResponseCode: number;
  /** With the remedy, because other clients show nothing else. */
  Message: string;
  ErrorType: string;
  /** The end of `Message`. Only our server sends it. */
  Remedy?: string;
  CurrentType?: string;
  Current?: object;
}

/** Returns the status and body for an error, or undefined for one that is a bug. Callers branch on `ResponseCode`. */
export function errorReply(error: unknown): { status: number; body: ErrorBody } | undefined {
  const kind = kindOf(error);
  if (!kind) return undefined;
  const { status, errorType } = kind;
  const current = error instanceof DomainError ? error.current : undefined;
  const { message } = error as Error;
  const remedy = error instanceof HttpError ? error.remedy : undefined;
  const body: ErrorBody = {
    ...{
      ResponseCode: status,
      Message: remedy === undefined ? message : `${message}. ${remedy}`,
      ErrorType: errorType,
    },
    ...(remedy !== undefined && { Remedy: remedy }),
  };
  if (!current || typesWithoutCurrent.has(current.type)) return { status, body };
  const named = unnamedTypes.has(current.type) ? {} : { CurrentType: current.type };
  return { status, body: { ...body, ...named, Current: current.object } };
}

function kindOf(error: unknown): { status: number; errorType: string } | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof DomainError) return rejections[error.kind];
  if (error instanceof SecretError) return { status: 400, errorType: 'BadRequest' };
  if (error instanceof StorageError) return storageFailure(error);
  return error instanceof RequestError ? requestFailures[error.reason] : undefined;
}

function storageFailure({ kind }: StorageError): { status: number; errorType: string } {
  if (kind === 'diskFull') return { status: 507, errorType: 'InsufficientStorage' };
  return { status: 503, errorType: 'ServiceUnavailable' };
}
