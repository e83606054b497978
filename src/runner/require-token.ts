import type { Config } from '../config/schema.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { parseRunnerToken, type RunnerToken, TokenError } from '../plan42/runner-token.ts';

/**
 * Returns the configured runner token with its claims. Does not check whether it has expired: see `confirmExpiredToken`.
 * @throws UserError if it is missing (exit code 3) or invalid (exit code 4)
 */
export function requireRunnerToken(config: Config, path: string): RunnerToken & { token: string } {
  const { token } = config.runner;
  if (!token) {
    throw new UserError('there is no runner token', {
      remedy: `Set runner.token in ${path}, or PLAN42_RUNNER_TOKEN in the environment.`,
      exitCode: ExitCode.configuration,
    });
  }
  try {
    return { token, ...parseRunnerToken(token) };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw invalidToken(error.message, path);
  }
}

export function invalidToken(reason: string, path: string): UserError {
  return new UserError(`the runner token is invalid: ${reason}`, {
    remedy: `Get a new one and set runner.token in ${path}, or PLAN42_RUNNER_TOKEN where the environment has it.`,
    exitCode: ExitCode.token,
  });
}
