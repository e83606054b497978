import type { Config } from '../config/schema.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { parseRunnerToken, type RunnerToken, TokenError } from '../plan42/runner-token.ts';

/**
 * The configured runner token and what it says of itself.
 * @throws UserError (exit codes 3 and 4) when there is none, or none that can be used
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
    throw new UserError(`the runner token is invalid: ${error.message}`, {
      remedy: `Get a new one and set runner.token in ${path}, or PLAN42_RUNNER_TOKEN where the environment has it.`,
      exitCode: ExitCode.token,
    });
  }
}
