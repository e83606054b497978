import { ExitCode, UserError } from '../lib/errors.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import type { RunnerToken } from '../plan42/runner-token.ts';
import { describeEnd, hasExpired, tokenState } from '../plan42/token-end.ts';
import { tokenVariable } from '../service/definition.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, type Remedy, warning } from './finding.ts';
import { isAccepted } from './probe-api.ts';
import { checkRunnerToken } from './runner-settings.ts';

const subject = 'runner.token';

/** The runner token is set, well-formed, and does not end soon. */
export function checkToken(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    async (config) => {
      const renew = tokenRemedy('Get a new token from the server', context);
      try {
        const token = checkRunnerToken(config.runner.token ?? '');
        return [await judge(token, context, renew)];
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return [failed(subject, error.message, renew, error.exitCode)];
      }
    },
    [subject],
  );
}

async function judge(
  { tenantId, runnerId, expiresAt }: RunnerToken,
  { now, probeApi }: CheckContext,
  renew: Remedy,
): Promise<Finding> {
  if (expiresAt === undefined) return passed(subject, `runner ${runnerId} of tenant ${tenantId}, never expires`);
  const end = expiresAt.toISOString();
  const date = now();
  if (hasExpired(expiresAt, date)) {
    // The date of this machine may be wrong, so the server decides.
    const probe = await probeApi().catch(() => undefined);
    if (probe === undefined || !isAccepted(probe)) {
      return failed(subject, `invalid runner token: it expired at ${end}`, renew, ExitCode.token);
    }
    const text = 'Correct the clock of this machine.';
    return warning(subject, `expired at ${end} by the clock of this machine, but the server accepts it`, { text });
  }
  if (tokenState(expiresAt, date) !== 'valid') {
    return warning(subject, `ends ${describeEnd(expiresAt, date)}, at ${end}`, renew);
  }
  return passed(subject, `runner ${runnerId} of tenant ${tenantId}, valid until ${end}`);
}

/** How to replace the token where it is configured. `action` begins the sentence, such as "Get a new token". */
export function tokenRemedy(
  action: string,
  { env, paths: { configFile } }: Pick<CheckContext, 'env' | 'paths'>,
): Remedy {
  if (env[tokenVariable] && env['KUBERNETES_SERVICE_HOST'] !== undefined)
    return { text: `${action}, put it into the Secret from which the pod has ${tokenVariable}, and restart the pod.` };
  if (env[tokenVariable]) return { text: `${action} and set ${tokenVariable}, which takes precedence over the file.` };
  return {
    text: `${action} and paste it into the configuration screen.`,
    command: `plan42 runner config -c ${shellQuote(configFile)}`,
  };
}
