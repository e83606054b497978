import * as v from 'valibot';
import { knownFields } from './fields.ts';
import type { ApiEndpoint } from './http.ts';
import { listAll } from './list-all.ts';

export const GithubConnection = knownFields({
  ConnectionID: v.string(),
  Private: v.nullish(v.boolean()),
  RunnerID: v.nullish(v.string()),
  Name: v.nullish(v.string()),
});
export type GithubConnection = v.InferOutput<typeof GithubConnection>;

/** The tenant's private connections, whichever runner they go through. @throws ApiError, ConnectionError, the signal's reason */
export async function listPrivateConnections(
  endpoint: ApiEndpoint,
  tenantId: string,
  signal?: AbortSignal,
): Promise<GithubConnection[]> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}/github-connections`;
  const connections = await listAll(endpoint, { path, query: { private: 'true' }, signal }, GithubConnection);
  // A server that doesn't know the filter sends all of them.
  return connections.filter((connection) => connection.Private !== false);
}
