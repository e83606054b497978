import type { Dispatcher } from 'undici';
import { InvalidValue } from '../../config/kinds.ts';
import { connectionFields } from '../../config/schema.ts';
import { checkGithubToken } from '../../github/check-token.ts';
import { formatError } from '../../lib/errors.ts';
import { createTransport } from '../../plan42/transport.ts';
import { describeToken } from '../checks/describe-token.ts';
import type { Effect, Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';

/** Whose token it is; that there is no answer is one too. @throws the signal's reason */
export async function checkGithub(
  { key, url, token }: Effect & { type: 'check-github' },
  context: EffectContext,
  signal: AbortSignal,
): Promise<Event> {
  const told = (ok: boolean, text: string): Event => ({ type: 'github-checked', key, url, token, ok, text });
  try {
    const connection = { name: undefined, connectionId: key, url: connectionFields.url.kind.fromToml(url), token };
    const info = await withTransport(context, (transport) => checkGithubToken(connection, { transport, signal }));
    const { ok, text } = describeToken(info);
    return told(ok, text);
  } catch (error) {
    signal.throwIfAborted();
    return told(false, error instanceof InvalidValue ? 'the URL is wrong' : formatError(error));
  }
}

async function withTransport<T>(context: EffectContext, work: (transport: Dispatcher) => Promise<T>): Promise<T> {
  const transport = createTransport({ caFile: currentConfig(context).network.caFile, env: context.env });
  await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
  return await work(transport);
}
