import { formatBytes } from '../../../lib/format-bytes.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminFile } from '../../../plan42/admin-objects.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListFilesOptions extends LocationOptions {
  json?: boolean;
}

export async function listFiles(context: CliContext, options: ListFilesOptions): Promise<void> {
  const { stdout, signal } = context;
  const listed = await callServer(context, options, ({ files }) => files.list());
  const files = listed.toSorted((a, b) => b.CreatedAt.localeCompare(a.CreatedAt));
  if (options.json) return print(stdout, renderJson(files), signal);
  if (files.length === 0) {
    context.stderr.write(withLocation('No files. Upload one with "plan42 server file upload".\n', options));
    return;
  }
  const idOf = shortIds(files.map(({ FileID }) => FileID));
  const table = renderTable(
    files,
    [
      { title: 'FILE', cell: ({ FileID }) => printableLine(idOf(FileID)) },
      { title: 'NAME', cell: ({ Name }) => printableLine(Name), flexible: true },
      { title: 'SIZE', cell: ({ Size }) => formatBytes(Size) },
      { title: 'STATE', cell: stateOf },
      { title: 'CREATED', cell: ({ CreatedAt }) => printableLine(formatLocalTime(CreatedAt)) },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}

/** In one word. */
export function stateOf({ Deleted, IsMalicious, Uploaded }: AdminFile): string {
  if (Deleted) return 'deleted';
  if (IsMalicious) return 'malicious';
  return Uploaded === false ? 'incomplete' : 'complete';
}
