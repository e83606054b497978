import type { Config } from '../../../../config/schema.ts';
import { ExitCode, formatError, UserError } from '../../../../lib/errors.ts';
import type { ApiProbe } from '../api-probe.ts';
import { type CheckContext, withConfig } from '../check.ts';
import { explainConnection } from '../connection-failure.ts';
import { combine, type Finding, failed, ok, warning } from '../finding.ts';
import { tokenRemedy } from '../token-remedy.ts';

/** The server can be reached and takes the token. */
export function checkApi(context: CheckContext): Promise<Finding> {
  return withConfig(context, async (config) => {
    try {
      const verdict = judge(await context.probeApi(), context);
      return config.runner.skipSslVerify ? combine([verdict, unchecked(config)]) : verdict;
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof UserError) return failed(formatError(error), { text: error.remedy ?? '' }, error.exitCode);
      return explainConnection(error, 'runner.url', config.runner.url, context.env);
    }
  });
}

function judge(probe: ApiProbe, context: CheckContext): Finding {
  const { url, status, message, isFromApi, location } = probe;
  const latency = `answered in ${Math.round(probe.latencyMs)} ms`;
  const answer = `${url} answers with ${status}${message ? ` (${message})` : ''}`;
  if (status < 300 && isFromApi) return ok(`${url} takes the token; ${latency}`);
  if (!probe.authorised && status === 401 && isFromApi)
    return ok(`${url} can be reached; ${latency}; there was no token to try`);
  if (status === 401 || status === 403) {
    const renew = tokenRemedy('Get a new token from this server', context);
    return failed(`${url} refuses the token: ${status}${message ? ` ${message}` : ''}`, renew, ExitCode.token);
  }
  if (status === 407)
    return failed(answer, { text: 'Put the proxy’s user name and password into its URL in the environment.' });
  if (status >= 300 && status < 400) {
    const text = 'Log in where the network asks for it, or correct runner.url.';
    return failed(`${url} redirects${location ? ` to ${URL.parse(location, url)?.origin ?? 'elsewhere'}` : ''}`, {
      text,
    });
  }
  if (isFromApi && status >= 500) return failed(answer, { text: 'Wait and try again; the fault is the server’s.' });
  if (isFromApi) return failed(answer, { text: 'Check that runner.url and the token belong together.' });
  return failed(`${answer}, which is not a Plan42 server’s`, { text: 'Check runner.url, and proxies on the way.' });
}

function unchecked({ runner }: Config): Finding {
  return warning(`the certificate of ${runner.url.host} is not checked`, {
    text: 'Remove runner.skip_ssl_verify, and name the authority in network.ca_file if it is your own.',
  });
}
