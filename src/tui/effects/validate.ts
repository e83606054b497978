import { UserError } from '../../lib/errors.ts';
import { checkRunnerSettings } from '../checks/runner-settings.ts';
import { checkWithServer } from '../checks/server.ts';
import { readForm } from '../form.ts';
import type { Effect, Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';

/** Asks the server whether it takes the token, and for the tenant's connections. @throws the signal's reason */
export async function validate(
  { attempt, token, url }: Effect & { type: 'validate' },
  context: EffectContext,
  signal: AbortSignal,
): Promise<Event> {
  const { runner, network } = currentConfig(context);
  const { env, version } = context;
  // It was meant for the server that the file names.
  const skipSslVerify = runner.skipSslVerify && url === readForm(context.file).runner.url;
  try {
    const checked = checkRunnerSettings({ token, url });
    const options = { skipSslVerify, caFile: network.caFile, env, version, signal };
    const connections = await checkWithServer(checked, options);
    return {
      type: 'accepted',
      attempt,
      connections: connections.map(({ ConnectionID, Name }) => ({ id: ConnectionID, name: Name ?? '' })),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const setting = 'setting' in error ? String(error.setting) : 'url';
    return { type: 'refused', attempt, setting, message: `${error.message}. ${error.remedy ?? ''}`.trim() };
  }
}
