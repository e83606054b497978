import { InvalidValue, serverUrl } from '../../config/kinds.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { parseRunnerToken, type RunnerToken, TokenError } from '../../plan42/runner-token.ts';

/** What is wrong with a setting, in the words that the screen and the commands share. */
export class SettingError extends UserError {
  readonly setting: 'token' | 'url';

  constructor(setting: 'token' | 'url', message: string, exitCode: ExitCode, remedy: string) {
    super(message, { remedy, exitCode });
    this.setting = setting;
  }
}

export interface RunnerSettings {
  token: string;
  url: string;
}

export interface CheckedSettings {
  token: string;
  url: URL;
  identity: RunnerToken;
}

/** Checks what can be checked without asking anybody. @throws SettingError (exit codes 3 and 4) */
export function checkRunnerSettings({ token, url }: RunnerSettings, now = new Date()): CheckedSettings {
  if (token === '') {
    const remedy = 'Paste the token that Plan42, or "plan42 server token create", gave out for this runner.';
    throw new SettingError('token', 'missing runner token', ExitCode.configuration, remedy);
  }
  if (url === '') {
    const remedy = 'Enter a URL such as https://api.dev.plan42.ai.';
    throw new SettingError('url', 'missing server url', ExitCode.configuration, remedy);
  }
  return { token, url: checkServerUrl(url), identity: checkRunnerToken(token, now) };
}

/** @throws SettingError (exit code 4) */
export function checkRunnerToken(token: string, now = new Date()): RunnerToken {
  try {
    return parseRunnerToken(token, now);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const remedy = 'Get a new one, and paste all of it.';
    throw new SettingError('token', `invalid runner token: ${error.message}`, ExitCode.token, remedy);
  }
}

/** @throws SettingError (exit code 3) */
export function checkServerUrl(url: string): URL {
  try {
    return serverUrl.fromToml(url);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    const remedy = 'It has to look like https://api.example.com.';
    throw new SettingError('url', `invalid server url: it is ${error.message}`, ExitCode.configuration, remedy);
  }
}
