/** The status of a request to GitHub that a runner reports as failed. */
import { badGateway, HttpError } from './errors.ts';

const errorTypes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  422: 'UnprocessableEntity',
};

// The messages of runners that send no status, without what is variable in them.
const messages: readonly [pattern: RegExp, status: number][] = [
  [/^(org name|repo name|search query|repos) (is|are) required$/, 400],
  [/^maxResults must be between /, 400],
  [/^invalid (pagination token|request|org name|repo name|repo format)\b/, 400],
  [/^missing github token for connection /, 400],
  [/^github connection \S{1,100} not found$/, 404],
];
// The Go client of GitHub: method, URL, status, message.
const goClientError = /^[A-Z]{3,7} https?:\/\/\S{1,2000}: (\d{3}) /;

/** Returns the error for a caller. Only a request that is itself at fault is not a bad gateway, which clients retry. */
export function runnerFailure(message: string, reported?: number): HttpError {
  const status = reported ?? statusOf(message);
  const errorType = status === undefined ? undefined : errorTypes[status];
  if (status === undefined || errorType === undefined) return badGateway(message);
  return new HttpError(status, errorType, message);
}

function statusOf(message: string): number | undefined {
  const status = goClientError.exec(message)?.[1];
  return status === undefined ? messages.find(([pattern]) => pattern.test(message))?.[1] : Number(status);
}
