import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListWorkstreamsOptions extends LocationOptions {
  json?: boolean;
}

export async function listWorkstreams(context: CliContext, options: ListWorkstreamsOptions): Promise<void> {
  const { stdout, signal } = context;
  const workstreams = await callServer(context, options, (server) => server.workstreams.list());
  if (options.json) return print(stdout, renderJson(workstreams), signal);
  if (workstreams.length === 0) {
    context.stderr.write(withLocation('No workstreams. Create one with "plan42 server workstream create".\n', options));
    return;
  }
  const idOf = shortIds(workstreams.map(({ WorkstreamId }) => WorkstreamId));
  const table = renderTable(
    workstreams,
    [
      { title: 'WORKSTREAM', cell: ({ WorkstreamId }) => printableLine(idOf(WorkstreamId)) },
      { title: 'NAME', cell: ({ Name }) => printableLine(Name), flexible: true },
      { title: 'SHORT NAME', cell: ({ DefaultShortName }) => printableLine(DefaultShortName ?? '') },
      { title: 'STATE', cell: ({ Paused }) => (Paused ? 'paused' : 'running') },
      { title: 'CREATED', cell: ({ CreatedAt }) => printableLine(formatLocalTime(CreatedAt)) },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}
