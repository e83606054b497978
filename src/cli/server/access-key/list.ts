import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListAccessKeysOptions extends LocationOptions {
  all?: boolean;
  json?: boolean;
}

/** Prints the keys that are not revoked, or all of them with --all. JSON always has all. */
export async function listAccessKeys(context: CliContext, options: ListAccessKeysOptions): Promise<void> {
  const { stdout, signal } = context;
  const keys = (await callServer(context, options, ({ client }) => client.listAccessKeys())).toReversed();
  if (options.json) return print(stdout, renderJson(keys), signal);
  const shown = options.all ? keys : keys.filter(({ Revoked }) => !Revoked);
  if (shown.length === 0) {
    context.stderr.write(withLocation('No access keys. Create one with "plan42 server access-key create".\n', options));
    return;
  }
  const time = (text: string | null | undefined) => (text ? printableLine(formatLocalTime(text)) : 'never');
  const table = renderTable(
    shown,
    [
      { title: 'KEY', cell: ({ AccessKeyID }) => printableLine(AccessKeyID) },
      { title: 'NAME', cell: ({ Name }) => printableLine(Name), flexible: true },
      { title: 'CREATED', cell: ({ CreatedAt }) => time(CreatedAt) },
      { title: 'LAST USED', cell: ({ LastUsedAt }) => time(LastUsedAt) },
      ...(options.all
        ? [{ title: 'STATE', cell: ({ Revoked }: { Revoked: boolean }) => (Revoked ? 'revoked' : 'valid') }]
        : []),
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}
