import type * as v from 'valibot';
import { knownFields, view } from './fields.ts';
import type { ApiEndpoint } from './http.ts';
import { listAll } from './list-all.ts';
import { githubConnectionFields } from './objects.ts';
import { pathSegment } from './path-segment.ts';

export const PrivateConnection = knownFields(
  view(githubConnectionFields, ['ConnectionID'], ['Private', 'RunnerID', 'Name']),
);
export type PrivateConnection = v.InferOutput<typeof PrivateConnection>;

/** Returns the tenant's private connections of all runners. @throws ApiError, ConnectionError, the signal's reason */
export async function listPrivateConnections(
  endpoint: ApiEndpoint,
  tenantId: string,
  signal?: AbortSignal,
): Promise<PrivateConnection[]> {
  const path = `/v1/tenants/${pathSegment(tenantId)}/github-connections`;
  const connections = await listAll(endpoint, { path, query: { private: 'true' }, signal }, PrivateConnection);
  // A server that does not know the filter returns all connections.
  return connections.filter((connection) => connection.Private !== false);
}
