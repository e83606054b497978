import { InvalidValue, serverUrl } from '../config/kinds.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { parseRunnerToken, type RunnerToken, requireUnexpired, TokenError } from '../plan42/runner-token.ts';

/**
 * Checks the form of a token, and that it has not expired at `now`, if given.
 * @throws UserError (exit code 3 if it is missing, else 4)
 */
export function checkRunnerToken(token: string, now?: Date): RunnerToken {
  if (token === '') {
    throw new UserError('missing runner token', {
      remedy: 'Paste the token from Plan42 or from "plan42 server token create".',
      exitCode: ExitCode.configuration,
    });
  }
  try {
    const parsed = parseRunnerToken(token);
    if (now !== undefined) requireUnexpired(parsed, now);
    return parsed;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new UserError(`invalid runner token: ${error.message}`, {
      remedy: 'Get a new token and paste all of it.',
      exitCode: ExitCode.token,
    });
  }
}

/** @throws UserError (exit code 3) */
export function checkServerUrl(url: string): URL {
  if (url === '') {
    throw new UserError('missing server url', {
      remedy: 'Enter a URL such as https://api.dev.plan42.ai.',
      exitCode: ExitCode.configuration,
    });
  }
  try {
    return serverUrl.fromToml(url);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new UserError(`invalid server url: it is ${error.message}`, {
      remedy: 'Enter a URL such as https://api.example.com.',
      exitCode: ExitCode.configuration,
    });
  }
}
