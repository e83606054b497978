import type { AdminWorkstream } from '../../../plan42/admin-objects.ts';
import type { WorkstreamClient } from '../../../plan42/workstream-client.ts';
import { pickByNameOrId } from '../pick-by-name.ts';

/** Returns the workstream with this name, ID or ID prefix. @throws UserError if there is none, or more than one */
export async function findWorkstream(workstreams: WorkstreamClient, text: string): Promise<AdminWorkstream> {
  return pickByNameOrId(await workstreams.list(), text, {
    nameOf: ({ Name }) => Name,
    idOf: ({ WorkstreamId }) => WorkstreamId,
    kind: 'workstream',
    listCommand: 'plan42 server workstream list',
  });
}
