import type { Config } from '../config/schema.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { type CheckContext, withConfig } from './check.ts';
import { explainConnection } from './explain-connection.ts';
import { type Finding, failed, failedWith, passed, type Remedy, warning } from './finding.ts';
import { type ApiProbe, isAccepted } from './probe-api.ts';
import { tokenRemedy } from './token.ts';

// With the default in place of an invalid URL, the token would be sent to another server.
export const serverSettings = ['runner.url', 'runner.token', 'network.ca_file'];

const subject = 'runner.url';

/** The server can be reached and accepts the token. */
export function checkServer(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    async (config) => {
      const renew = tokenRemedy('Get a new token from this server', context);
      const verdict = await checkApi(config, context, renew);
      return config.runner.skipSslVerify && verdict.status !== 'failed' ? [verdict, unverified(config)] : [verdict];
    },
    serverSettings,
  );
}

/** `renew` is the remedy if the server rejects the token. @throws the signal's reason */
export async function checkApi(
  config: Config,
  { probeApi, env, signal }: Pick<CheckContext, 'probeApi' | 'env' | 'signal'>,
  renew: Remedy,
): Promise<Finding> {
  try {
    return judge(await probeApi(), renew);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) return failedWith('network', error);
    const finding = explainConnection(error, subject, config.runner.url, env);
    return { ...finding, message: `unable to connect to server: ${finding.message}` };
  }
}

function judge(probe: ApiProbe, renew: Remedy): Finding {
  const { url, status, message, isFromApi, location, authorized, latencyMs } = probe;
  const latency = `responded in ${Math.round(latencyMs)} ms`;
  const answer = `${status}${message ? `: ${message}` : ''}`;
  const unusable = (text: string, remedy: string) => failed(subject, `${url} ${text}`, { text: remedy });
  if (isAccepted(probe)) return passed(subject, `${url} accepts the token, ${latency}`);
  if (!authorized && status === 401 && isFromApi) {
    return passed(subject, `${url} is reachable, ${latency}, not checked with a token`);
  }
  if (status === 401 || status === 403) {
    return failed('runner.token', `token not authorized (${answer})`, renew, ExitCode.token);
  }
  if (status === 407) {
    return unusable(`returned ${answer}`, 'Add user name and password to the URL of the proxy in the environment.');
  }
  if (status >= 300 && status < 400) {
    const target = location ? ` to ${URL.parse(location, url)?.origin ?? 'an invalid URL'}` : '';
    return unusable(`redirects${target}`, 'Log in to the network if it requires it, or correct runner.url.');
  }
  if (isFromApi && status >= 500) return unusable(`returned ${answer}`, 'Try again later. The server has a problem.');
  if (isFromApi) return unusable(`returned ${answer}`, 'Check that runner.url and the token belong to one server.');
  return unusable(`returned ${answer}, and is not a Plan42 server`, 'Check runner.url and any proxy in between.');
}

function unverified({ runner }: Config): Finding {
  return warning('runner.skip_ssl_verify', `the certificate of ${runner.url.host} is not verified`, {
    text: 'Remove runner.skip_ssl_verify. For a private certificate authority, set network.ca_file.',
  });
}
