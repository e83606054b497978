import { UserError } from '../../../../lib/errors.ts';
import { requireRunnerToken } from '../../../../runner/require-token.ts';
import { type CheckContext, withConfig } from '../check.ts';
import { type Finding, failed, ok, warning } from '../finding.ts';
import { tokenRemedy } from '../token-remedy.ts';

const dayMs = 86_400_000;
const soonDays = 7;

/** There is one, it can be read, it has not expired, and it names its tenant and runner. */
export function checkToken(context: CheckContext): Promise<Finding> {
  return withConfig(context, (config) => {
    const renew = tokenRemedy('Get a new token from the server', context);
    const now = context.now().getTime();
    try {
      const { tenantId, runnerId, expiresAt, notBefore } = requireRunnerToken(config, context.paths.configFile);
      if (notBefore !== undefined && notBefore.getTime() > now) {
        return warning(`it is not valid before ${notBefore.toISOString()}`, { text: 'Wait, or set the clock right.' });
      }
      const days = expiresAt === undefined ? Infinity : (expiresAt.getTime() - now) / dayMs;
      if (days < soonDays) return warning(`it expires at ${expiresAt?.toISOString()}`, renew);
      const until = expiresAt === undefined ? 'it never expires' : `it is valid until ${expiresAt.toISOString()}`;
      return ok(`tenant ${tenantId}, runner ${runnerId}; ${until}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return failed(error.message, renew, error.exitCode);
    }
  });
}
