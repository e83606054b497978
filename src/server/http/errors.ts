/** Why a call fails, as its caller is told. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Stable, unlike the message. */
  readonly errorType: string;
  /** Of a 409: the object that is in the way. */
  readonly current: { type: string; object: object } | undefined;

  constructor(status: number, errorType: string, message: string, current?: { type: string; object: object }) {
    super(message);
    this.status = status;
    this.errorType = errorType;
    this.current = current;
  }
}

export const badRequest = (message: string) => new HttpError(400, 'BadRequest', message);
export const unauthorized = (message: string) => new HttpError(401, 'Unauthorized', message);
export const forbidden = (message: string) => new HttpError(403, 'Forbidden', message);
export const notFound = (message: string) => new HttpError(404, 'NotFound', message);
export const misdirected = (message: string) => new HttpError(421, 'MisdirectedRequest', message);
export const tooLarge = (message: string) => new HttpError(413, 'ContentTooLarge', message);
export const notImplemented = (message: string) => new HttpError(501, 'NotImplemented', message);
export const badGateway = (message: string) => new HttpError(502, 'BadGateway', message);
export const unavailable = (message: string) => new HttpError(503, 'ServiceUnavailable', message);

// The Go client can't read a conflict that carries a current object of these types, and loses the whole error.
const typesWithoutCurrent = new Set(['RunnerToken']);

/** A 409 about `current`, which is of the type that the API calls `type`. */
export function conflict(message: string, type?: string, current?: object, errorType = 'Conflict'): HttpError {
  if (type === undefined || current === undefined || typesWithoutCurrent.has(type))
    return new HttpError(409, errorType, message);
  return new HttpError(409, errorType, message, { type, object: current });
}

/** The body of an error's answer. Callers branch on its `ResponseCode`, not on the status line. */
export function errorBody(error: HttpError): object {
  const { current } = error;
  return {
    ResponseCode: error.status,
    Message: error.message,
    ErrorType: error.errorType,
    ...(current && { CurrentType: current.type, Current: current.object }),
  };
}
