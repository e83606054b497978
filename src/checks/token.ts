import { UserError } from '../lib/errors.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import { tokenVariable } from '../service/definition.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, type Remedy, warning } from './finding.ts';
import { checkRunnerToken } from './runner-settings.ts';

const dayMs = 86_400_000;
const soonDays = 7;
const subject = 'runner.token';

/** The runner token is set, well-formed and not expired. */
export function checkToken(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    (config) => {
      const renew = tokenRemedy('Get a new token from the server', context);
      const now = context.now().getTime();
      try {
        const { tenantId, runnerId, expiresAt, notBefore } = checkRunnerToken(config.runner.token ?? '');
        if (notBefore !== undefined && notBefore.getTime() > now) {
          return [
            warning(subject, `not valid before ${notBefore.toISOString()}`, { text: 'Wait, or correct the clock.' }),
          ];
        }
        const days = expiresAt === undefined ? Infinity : (expiresAt.getTime() - now) / dayMs;
        if (days < soonDays) return [warning(subject, `expires soon, at ${expiresAt?.toISOString()}`, renew)];
        const validity = expiresAt === undefined ? 'never expires' : `valid until ${expiresAt.toISOString()}`;
        return [passed(subject, `runner ${runnerId} of tenant ${tenantId}, ${validity}`)];
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return [failed(subject, error.message, renew, error.exitCode)];
      }
    },
    [subject],
  );
}

/** How to replace the token where it is configured. `action` begins the sentence, such as "Get a new token". */
export function tokenRemedy(
  action: string,
  { env, paths: { configFile } }: Pick<CheckContext, 'env' | 'paths'>,
): Remedy {
  if (env[tokenVariable]) return { text: `${action} and set ${tokenVariable}, which takes precedence over the file.` };
  return {
    text: `${action} and paste it into the configuration screen.`,
    command: `plan42 runner config -c ${shellQuote(configFile)}`,
  };
}
