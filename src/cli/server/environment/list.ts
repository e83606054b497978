import { printableLine } from '../../../lib/printable.ts';
import type { AdminEnvironment } from '../../../plan42/admin-objects.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListEnvironmentsOptions extends LocationOptions {
  all?: boolean;
  json?: boolean;
}

/** Prints the environments by name. JSON always has all of them. */
export async function listEnvironments(context: CliContext, options: ListEnvironmentsOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const environments = await callServer(context, options, ({ client }) => client.listEnvironments());
  environments.sort((a, b) => nameOf(a).localeCompare(nameOf(b)) || a.EnvironmentId.localeCompare(b.EnvironmentId));
  if (options.json) return print(stdout, renderJson(environments), signal);
  const shown = options.all ? environments : environments.filter(({ Ephemeral }) => Ephemeral !== true);
  if (shown.length === 0) {
    const hidden = environments.length > 0 ? ' --all lists those that were created with a task.' : '';
    stderr.write(
      withLocation(`No environments. Create one with "plan42 server environment create".${hidden}\n`, options),
    );
    return;
  }
  const idOf = shortIds(environments.map(({ EnvironmentId }) => EnvironmentId));
  const table = renderTable(
    shown,
    [
      { title: 'ENVIRONMENT', cell: ({ EnvironmentId }) => printableLine(idOf(EnvironmentId)) },
      { title: 'NAME', cell: nameOf, flexible: 12 },
      { title: 'IMAGE', cell: ({ DockerImage }) => printableLine(DockerImage ?? ''), flexible: 16 },
      { title: 'REPOSITORIES', cell: ({ Repos }) => printableLine((Repos ?? []).join(', ')), flexible: 12 },
      { title: 'CREATED', cell: ({ CreatedAt }) => printableLine(formatLocalTime(CreatedAt ?? '')) },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}

function nameOf({ Name }: AdminEnvironment): string {
  return printableLine(Name ?? '');
}
