import { printableLine } from '../../../lib/printable.ts';
import type { AdminConnection, AdminEnvironment } from '../../../plan42/admin-objects.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListConnectionsOptions extends LocationOptions {
  json?: boolean;
}

export async function listConnections(context: CliContext, options: ListConnectionsOptions): Promise<void> {
  const { stdout, signal } = context;
  const { connections, defaultId, environments, runners } = await callServer(context, options, async ({ client }) => {
    const [tenant, ...lists] = await Promise.all([
      client.getTenant(),
      client.listConnections(),
      client.listEnvironments(),
      client.listRunners(),
    ]);
    const [connections, environments, runners] = lists;
    return { connections, environments, runners, defaultId: tenant.DefaultGithubConnectionID ?? '' };
  });
  const isDefault = ({ ConnectionID }: AdminConnection) => ConnectionID === defaultId;
  if (options.json) {
    const documents = connections.map((connection) => ({ ...connection, Default: isDefault(connection) }));
    return print(stdout, renderJson(documents), signal);
  }
  if (connections.length === 0) {
    context.stderr.write(
      withLocation('No GitHub connections. Create one with "plan42 server connection create".\n', options),
    );
    return;
  }
  const idOf = shortIds(connections.map(({ ConnectionID }) => ConnectionID));
  const runnerOf = ({ RunnerID }: AdminConnection) =>
    runners.find(({ RunnerId }) => RunnerId === RunnerID)?.Name ?? RunnerID ?? '';
  const table = renderTable(
    connections,
    [
      { title: 'CONNECTION', cell: ({ ConnectionID }) => printableLine(idOf(ConnectionID)) },
      {
        title: 'NAME',
        cell: ({ Name, GithubUserLogin }) => printableLine(Name ?? GithubUserLogin ?? ''),
        flexible: true,
      },
      { title: 'RUNNER', cell: (connection) => printableLine(runnerOf(connection)), flexible: true },
      {
        title: 'USED BY',
        cell: (connection) => usersOf(connection, isDefault(connection), environments),
        flexible: 14,
      },
      { title: 'CREATED', cell: ({ CreatedAt }) => printableLine(formatLocalTime(CreatedAt ?? '')) },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}

function usersOf(
  { ConnectionID }: AdminConnection,
  isDefault: boolean,
  environments: readonly AdminEnvironment[],
): string {
  const named = environments.filter(({ GithubConnectionId }) => GithubConnectionId === ConnectionID);
  const names = named.map(({ Name, EnvironmentId }) => printableLine(Name || EnvironmentId));
  return [...(isDefault ? ['default'] : []), ...names].join(', ');
}
