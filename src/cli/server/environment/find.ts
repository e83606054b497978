import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminEnvironment } from '../../../plan42/admin-objects.ts';
import { pickByNameOrId } from '../pick-by-name.ts';

/** Returns the environment with this name, ID or ID prefix. @throws UserError if there is none, or more than one */
export async function findEnvironment(client: AdminClient, text: string): Promise<AdminEnvironment> {
  return pickByNameOrId(await client.listEnvironments(), text, {
    nameOf: ({ Name }) => Name ?? '',
    idOf: ({ EnvironmentId }) => EnvironmentId,
    kind: 'environment',
    listCommand: 'plan42 server environment list --all',
  });
}
