import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminConnection } from '../../../plan42/admin-objects.ts';
import { pickByNameOrId } from '../pick-by-name.ts';

/** Returns the connection with this name, ID or ID prefix. @throws UserError if there is none, or more than one */
export async function findConnection(client: AdminClient, text: string): Promise<AdminConnection> {
  return pickByNameOrId(await client.listConnections(), text, {
    nameOf: ({ Name }) => Name ?? '',
    idOf: ({ ConnectionID }) => ConnectionID,
    kind: 'connection',
    listCommand: 'plan42 server connection list',
  });
}
