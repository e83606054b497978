import { checkConnectionToken, type GithubCheckOptions } from '../../checks/github.ts';
import { InvalidValue } from '../../config/kinds.ts';
import { connectionFields } from '../../config/schema.ts';
import { formatError, UserError } from '../../lib/errors.ts';
import { createTransport } from '../../plan42/transport.ts';
import type { Effect, Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';

/** Requests the owner and the scopes of a connection's token. @throws the signal's reason */
export async function requestGithubCheck(
  { key, url, token }: Effect & { type: 'check-github' },
  context: EffectContext,
  signal: AbortSignal,
): Promise<Event> {
  const { env } = context;
  const checked = (ok: boolean, text: string): Event => ({ type: 'github-checked', key, url, token, ok, text });
  try {
    const connection = { name: undefined, connectionId: key, url: connectionFields.url.kind.fromToml(url), token };
    const transport = createTransport({ caFile: currentConfig(context).network.caFile, env });
    await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
    const options: GithubCheckOptions = { transport, env, signal };
    const { status, message } = await checkConnectionToken('github', connection, options);
    return checked(status === 'ok', message);
  } catch (error) {
    if (error instanceof InvalidValue) return checked(false, 'invalid URL');
    if (error instanceof UserError) return checked(false, formatError(error));
    throw error;
  }
}
