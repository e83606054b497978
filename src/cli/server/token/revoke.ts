import { UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { pickToRevoke } from '../../short-ids.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { allTokens } from './list.ts';

export type RevokeTokenOptions = LocationOptions;

/** Idempotent: revoking a revoked token succeeds. */
export async function revokeToken(context: CliContext, id: string, options: RevokeTokenOptions): Promise<void> {
  // A token given instead of its ID must not appear in the output.
  if (id.startsWith('p42')) {
    throw new UserError('that is a token, not its ID', { remedy: 'To see the IDs, run "plan42 server token list".' });
  }
  const revoked = await callServer(context, options, async ({ client }) => {
    const tokens = await allTokens(client);
    const token = pickToRevoke(tokens, (candidate) => candidate.TokenID, id, {
      kind: 'token',
      listCommand: 'plan42 server token list -a',
    });
    if (!token.Revoked) await client.revokeRunnerToken(token);
    return token;
  });
  context.stderr.write(`Token ${revoked.TokenID} revoked.\n`);
}
