import { UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { pickByPrefix } from '../../short-ids.ts';
import type { LocationOptions } from '../location.ts';
import { askServer } from '../with-server.ts';
import { allTokens } from './all-tokens.ts';

export type RevokeTokenOptions = LocationOptions;

/** Revoking a revoked token is no failure. */
export async function revokeToken(context: CliContext, id: string, options: RevokeTokenOptions): Promise<void> {
  // Somebody may well take the token for its ID; then it must not be repeated on the screen.
  if (id.startsWith('p42')) {
    throw new UserError('that is a token, not its ID', { remedy: '"plan42 server token list" shows the IDs.' });
  }
  const revoked = await askServer(context, options, async ({ client }) => {
    const tokens = await allTokens(client);
    const token = pickByPrefix(tokens, (candidate) => candidate.TokenID, id, {
      kind: 'token',
      listCommand: 'plan42 server token list -a',
    });
    if (!token.Revoked) await client.revokeRunnerToken(token);
    return token;
  });
  context.stderr.write(`Token ${revoked.TokenID} is revoked.\n`);
}
