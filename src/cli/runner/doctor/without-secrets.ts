import type { Config } from '../../../config/schema.ts';
import { redact } from '../../../lib/logger.ts';
import type { Outcome } from './run-checks.ts';

const minLength = 6;

/** An outcome in which no secret is left, wherever it may have come from. */
export function withoutSecrets(outcome: Outcome, secrets: readonly string[]): Outcome {
  const strike = (text: string) =>
    redact(secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text));
  return {
    ...outcome,
    found: outcome.found.map(strike),
    remedies: outcome.remedies.map(({ text, command }) => ({
      text: strike(text),
      ...(command === undefined ? {} : { command: strike(command) }),
    })),
  };
}

/** The tokens of the configuration, and the passwords of proxies. */
export function secretsOf(config: Config | undefined, env: NodeJS.ProcessEnv): string[] {
  const tokens = [config?.runner.token, env['PLAN42_RUNNER_TOKEN']];
  const ofGithub = Object.values(config?.github ?? {}).map(({ token }) => token);
  const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'];
  const passwords = proxies.map((name) => URL.parse(env[name] ?? '')?.password);
  return [...tokens, ...ofGithub, ...passwords].filter(
    (text) => text !== undefined && text.length >= minLength,
  ) as string[];
}
