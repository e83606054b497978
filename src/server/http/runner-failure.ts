/** The error for a request to GitHub that a runner could not answer: what was asked for, why it failed, and the way out. */
import type { CheckedConnection } from '../../plan42/connection-check.ts';
import { connectionCommands } from '../../plan42/connection-check.ts';
import type { RequestError } from '../core/errors.ts';
import { HttpError, requestFailures } from './errors.ts';

/** A request to the runner of a connection. */
export interface GithubQuestion extends CheckedConnection {
  /** As in `list the branches of acme/shop through the connection work`. */
  action: string;
}

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
  [/^(GitHub: )?Bad credentials\b/, 401],
];
// The Go client of GitHub: method, URL, status, message.
const goClientError = /^[A-Z]{3,7} https?:\/\/\S{1,2000}: (\d{3}) /;

/** Returns the error for a caller. Only a request that is itself at fault is not a bad gateway, which clients retry. */
export function runnerFailure(message: string, reported: number | undefined, question: GithubQuestion): HttpError {
  const status = reported ?? statusOf(message);
  const errorType = errorTypes[status ?? 0];
  const [code, type] = status !== undefined && errorType !== undefined ? [status, errorType] : [502, 'BadGateway'];
  const { reason, remedy } = explain(message, status, question);
  return new HttpError(code, type, `cannot ${question.action}: ${reason}`, remedy);
}

function statusOf(message: string): number | undefined {
  const status = goClientError.exec(message)?.[1];
  return status === undefined ? messages.find(([pattern]) => pattern.test(message))?.[1] : Number(status);
}

/** Keeps GitHub's words. */
function explain(
  message: string,
  status: number | undefined,
  question: GithubQuestion,
): { reason: string; remedy?: string | undefined } {
  const { runner } = question;
  const { table, setTable, setToken } = connectionCommands(question);
  const reason = message.trim().replace(/\.$/, '');
  const onMachine = `On the machine of the runner ${runner}, run:`;
  if (/^github connection \S{1,100} not found$/.test(message))
    return { reason: `${reason} in the configuration of the runner ${runner}`, remedy: `${onMachine} ${setTable}` };
  if (message.startsWith('missing github token for connection '))
    return { reason: `${reason} in the configuration of the runner ${runner}`, remedy: `${onMachine} ${setToken}` };
  if (status === 401) return { reason, remedy: `GitHub rejected the token of [${table}]. ${onMachine} ${setToken}` };
  if (status === 429 || /rate limit|abuse detection/i.test(message))
    return /Try again in /.test(message) ? { reason } : { reason, remedy: 'Try again in a few minutes.' };
  if (status === 404 || status === 422) {
    const remedy = `Check the name, and that the token of [${table}] of the runner ${runner} can read it.`;
    return { reason, remedy };
  }
  if (/^invalid pagination token\b/.test(message))
    return { reason, remedy: 'Read the list again from its first page.' };
  return status === 400 ? { reason } : { reason, remedy: `${onMachine} plan42 runner doctor` };
}

/** Returns the error for a request to which no usable response came. */
export function missingResponse({ reason, message }: RequestError, { action, runner }: GithubQuestion): HttpError {
  const { status, errorType } = requestFailures[reason];
  const check = 'On its machine, run: plan42 runner status';
  const [why, remedy] = {
    undelivered: [`no healthy queue of the runner ${runner} took the message`, `Start the runner ${runner}. ${check}`],
    unanswered: [`the runner ${runner} did not respond in time`, `Try again. ${check}`],
    unreadable: [`the response of the runner ${runner} cannot be read`, `Upgrade the runner ${runner}.`],
    tooLarge: [message, undefined],
  }[reason] as [string, string | undefined];
  return new HttpError(status, errorType, `cannot ${action}: ${why}`, remedy);
}
