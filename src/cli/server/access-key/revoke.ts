import { UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { pickToRevoke } from '../../short-ids.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';

export type RevokeAccessKeyOptions = LocationOptions;

/** Idempotent: revoking a revoked key succeeds. */
export async function revokeAccessKey(context: CliContext, id: string, options: RevokeAccessKeyOptions): Promise<void> {
  const listCommand = 'plan42 server access-key list -a';
  // A secret given instead of the ID must not appear in the output.
  if (/^p42[a-z]_/.test(id)) {
    throw new UserError('that is a secret, not the ID of a key', { remedy: `To see the IDs, run "${listCommand}".` });
  }
  const revoked = await callServer(context, options, async ({ client }) => {
    const keys = await client.listAccessKeys();
    const key = pickToRevoke(keys, ({ AccessKeyID }) => AccessKeyID.toLowerCase(), id, {
      kind: 'access key',
      constantLength: 'P42K'.length,
      listCommand,
    });
    if (!key.Revoked) await client.revokeAccessKey(key);
    return key;
  });
  context.stderr.write(`Access key ${revoked.AccessKeyID} revoked.\n`);
}
