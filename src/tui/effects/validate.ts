import { fetchConnections } from '../../checks/connections.ts';
import { probeApi } from '../../checks/probe-api.ts';
import { checkRunnerToken, checkServerUrl } from '../../checks/runner-settings.ts';
import { checkApi } from '../../checks/server.ts';
import type { Config } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { UserError } from '../../lib/errors.ts';
import { ApiError, ConnectionError } from '../../plan42/errors.ts';
import { readForm } from '../form.ts';
import type { Effect, Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';

/** Checks token and URL with the server, and lists the tenant's connections. @throws the signal's reason */
export async function validateRunner(
  { attempt, token, url }: Effect & { type: 'validate' },
  context: EffectContext,
  signal: AbortSignal,
): Promise<Event> {
  const { env, version } = context;
  const refused = (setting: 'token' | 'url', message: string, remedy: string | undefined): Event => ({
    type: 'refused',
    attempt,
    setting,
    message: `${message}. ${remedy ?? ''}`.trim(),
  });
  let setting: 'token' | 'url' = token === '' ? 'token' : 'url';
  try {
    if (token === '') checkRunnerToken(token);
    const parsedUrl = checkServerUrl(url);
    setting = 'token';
    checkRunnerToken(token);
    const config = configWith(context, token, parsedUrl, url);
    setting = 'url';
    const probe = () => probeApi(config, { env, version, now: systemClock.date, signal });
    const renew = { text: 'Get a new token from this server and paste it here.' };
    const { status, subject, message, remedies } = await checkApi(config, { probeApi: probe, env, signal }, renew);
    if (status === 'failed') {
      return refused(subject === 'runner.token' ? 'token' : 'url', message, remedies[0]?.text);
    }
    const connections = await fetchConnections(config, { env, version, signal });
    return {
      type: 'accepted',
      attempt,
      connections: connections.map(({ ConnectionID, Name }) => ({ id: ConnectionID, name: Name ?? '' })),
    };
  } catch (error) {
    if (error instanceof UserError) return refused(setting, error.message, error.remedy);
    if (!(error instanceof ApiError || error instanceof ConnectionError)) throw error;
    return refused('url', `cannot list the connections of the tenant: ${error.message}`, 'Try again.');
  }
}

function configWith(context: EffectContext, token: string, url: URL, text: string): Config {
  const config = currentConfig(context);
  // The file disabled verification for its own server only.
  const skipSslVerify = config.runner.skipSslVerify && text === readForm(context.file).runner.url;
  return { ...config, runner: { ...config.runner, token, url, skipSslVerify } };
}
