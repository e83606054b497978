import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findConnection } from './find.ts';

export interface DeleteConnectionOptions extends LocationOptions {
  force?: boolean;
}

/** Deletes a connection. Nothing refers to it afterwards. */
export async function deleteConnection(context: CliContext, name: string, options: DeleteConnectionOptions) {
  const connection = await callServer(context, options, async ({ client }) => {
    const found = await findConnection(client, name);
    const [tenant, environments] = await Promise.all([client.getTenant(), client.listEnvironments()]);
    const users = environments.filter(({ GithubConnectionId }) => GithubConnectionId === found.ConnectionID);
    if (users.length > 0 && !options.force) {
      const names = users.map(({ Name, EnvironmentId }) => printableLine(Name || EnvironmentId)).join(', ');
      const remedy = "Bind them to another connection, or add --force: they then use the tenant's default.";
      throw new UserError(`environments use the connection: ${names}`, { remedy });
    }
    for (const environment of users) await client.updateEnvironment(environment, { GithubConnectionId: 'default' });
    if (tenant.DefaultGithubConnectionID === found.ConnectionID) await client.setDefaultConnection(tenant, '');
    await client.deleteConnection(found);
    return found;
  });
  context.stderr.write(`Connection ${printableLine(connection.Name || connection.ConnectionID)} deleted.\n`);
}
